"""Results read from archives: the same as from the folder, and nothing that an archive can do reaches anything else."""

from __future__ import annotations

import gzip
import io
import os
import shutil
import stat
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from harness import archives
from harness.archives import is_archive, unpacked
from harness.errors import InputError
from harness.report.__main__ import report
from harness.report.command import parse
from harness.report.gather import gather
from harness.results import read_sweep
from tests import sweeps

TWO = dict(list(sweeps.SIX.items())[:2])
FORMATS = {".zip": "zip", ".tar": "tar", ".tar.gz": "gztar", ".tgz": "gztar"}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sweep's folder, with files of a report in it."""
    folder = sweeps.sweep(tmp_path_factory.mktemp("results") / "2026-01-31_sweep", TWO, prompts=3)
    (folder / "report.html").write_text("<p>a report</p>")
    return folder


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where temporary folders are made; every test that uses it leaves it empty."""
    place = tmp_path / "temporary"
    place.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(place))
    return place


def packed(folder: Path, archive: Path, *, top: bool = True) -> Path:
    """The folder as Python's own shutil packs it, with or without its name on top."""
    suffix = next(each for each in FORMATS if archive.name.endswith(each))
    root, base = (folder.parent, folder.name) if top else (folder, ".")
    shutil.make_archive(str(archive) + "~", FORMATS[suffix], root, base)
    next(archive.parent.glob(f"{archive.name}~.*")).rename(archive)
    return archive


def zipped(archive: Path, *members: tuple[str | zipfile.ZipInfo, bytes]) -> Path:
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in members:
            file.writestr(name, content)
    return archive


def tarred(archive: Path, *members: tuple[str, bytes] | tarfile.TarInfo) -> Path:
    with tarfile.open(archive, "w:gz" if archive.name.endswith("gz") else "w") as file:
        for each in members:
            info, content = (each, b"") if isinstance(each, tarfile.TarInfo) else (tarfile.TarInfo(each[0]), each[1])
            info.size = info.size or len(content)
            file.addfile(info, io.BytesIO(content.ljust(info.size if content else 0)))
    return archive


def special(name: str, kind: bytes, to: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, to
    return info


def every(folder: Path) -> dict[str, tuple[bytes, int]]:
    """Each file below a folder: its content and when it was changed."""
    return {p.as_posix(): (p.read_bytes(), p.stat().st_mtime_ns) for p in folder.rglob("*") if p.is_file()}


@pytest.mark.parametrize("suffix", FORMATS)
@pytest.mark.parametrize("top", [True, False])
def test_an_archive_reads_as_the_folder_that_was_packed(
    made: Path, tmp_path: Path, temporary: Path, suffix: str, top: bool
) -> None:
    place = tmp_path / "shelf"
    place.mkdir()
    archive = packed(made, place / f"kept.of January{suffix}", top=top)
    before, folder = every(place), read_sweep(made)
    (gathered,) = gather([archive])
    for found in (read_sweep(archive), gathered):
        assert (found.name, found.command, found.unfinished) == (folder.name, folder.command, [])
        assert found.folder == (archive / made.name if top else archive)
        assert [job.folder.relative_to(found.folder).as_posix() for job in found.jobs] == ["0", "1"]
        for job, other in zip(found.jobs, folder.jobs, strict=True):
            assert (job.label, job.texts, job.scores, job.config) == (
                other.label,
                other.texts,
                other.scores,
                other.config,
            )
        assert found.references[0].frame.equals(folder.references[0].frame)
    assert every(place) == before
    assert list(temporary.iterdir()) == []


def test_reports_and_figures_stay_packed(made: Path, tmp_path: Path, temporary: Path) -> None:
    with unpacked(packed(made, tmp_path / "a.zip")) as folder:
        assert (folder / made.name / "sweep.json").exists()
        assert not list(folder.rglob("report.html"))
        assert folder.is_relative_to(temporary.resolve())
    assert not folder.exists()


NO_MEMBER = "lies outside of it"
HOSTILE: dict[str, tuple[Callable[[Path], Path], str]] = {
    "up.zip": (lambda p: zipped(p, ("../up.json", b"{}")), NO_MEMBER),
    "deep.zip": (lambda p: zipped(p, ("a/b/../../../up.json", b"{}")), NO_MEMBER),
    "root.zip": (lambda p: zipped(p, ("/up.json", b"{}")), NO_MEMBER),
    "back.zip": (lambda p: zipped(p, ("..\\up.json", b"{}")), NO_MEMBER),
    "drive.zip": (lambda p: zipped(p, ("C:up.json", b"{}")), NO_MEMBER),
    "twice.zip": (lambda p: zipped(p, ("a/job.json", b"{}"), ("a/./job.json", b"[]")), "is there twice"),
    "both.zip": (lambda p: zipped(p, ("a.json", b"{}"), ("a.json/job.json", b"{}")), "is there twice"),
    "under.zip": (lambda p: zipped(p, ("a.json/job.json", b"{}"), ("a.json", b"{}")), "is there twice"),
    "linked.zip": (lambda p: zipped(p, (_link("job.json"), b"/etc/passwd")), "is a link"),
    "pipe.zip": (lambda p: zipped(p, (_link("job.json", stat.S_IFIFO), b"")), "is a device"),
    "cut.zip": (lambda p: _cut(zipped(p, ("job.json", b"{}" * 999))), "no whole archive"),
    "text.zip": (lambda p: _text(p), "no whole archive"),
    "up.tar": (lambda p: tarred(p, ("../up.json", b"{}")), NO_MEMBER),
    "root.tar": (lambda p: tarred(p, ("/up.json", b"{}")), NO_MEMBER),
    "up.tgz": (lambda p: tarred(p, ("a/../../up.json", b"{}")), NO_MEMBER),
    "linked.tar": (lambda p: tarred(p, special("job.json", tarfile.SYMTYPE, "/etc/passwd")), "is a link"),
    "hard.tar": (lambda p: tarred(p, special("job.json", tarfile.LNKTYPE, "/etc/passwd")), "is a link"),
    "through.tar.gz": (lambda p: tarred(p, special("a", tarfile.SYMTYPE, "/tmp"), ("a/up.json", b"{}")), "is a link"),
    "pipe.tar": (lambda p: tarred(p, special("job.json", tarfile.FIFOTYPE)), "is a device"),
    "device.tar": (lambda p: tarred(p, special("job.json", tarfile.CHRTYPE)), "is a device"),
    "twice.tar": (lambda p: tarred(p, ("job.json", b"{}"), ("./job.json", b"[]")), "is there twice"),
    "cut.tar": (lambda p: _cut(tarred(p, ("a.json", os.urandom(20_000)), ("b.json", b"{}"))), "no whole archive"),
    "cut.tgz": (lambda p: _cut(tarred(p, ("a.json", os.urandom(20_000)), ("b.json", b"{}"))), "no whole archive"),
    "text.tar": (lambda p: _text(p), "no whole archive"),
    "text.tgz": (lambda p: _text(p), "no whole archive"),
}


def _link(name: str, kind: int = stat.S_IFLNK) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.create_system, info.external_attr = 3, (kind | 0o777) << 16
    return info


def _cut(archive: Path) -> Path:
    archive.write_bytes(archive.read_bytes()[: archive.stat().st_size // 2])
    return archive


def _text(archive: Path) -> Path:
    archive.write_text("this is no archive at all, whatever its name says\n" * 99)
    return archive


@pytest.mark.parametrize("name", HOSTILE)
def test_what_no_archive_of_results_holds_is_refused_and_nothing_is_written(
    tmp_path: Path, temporary: Path, name: str
) -> None:
    make, says = HOSTILE[name]
    archive = make(tmp_path / "temporary" / ".." / name)
    before = every(tmp_path)
    for read in (read_sweep, lambda path: gather([path])):
        with pytest.raises(InputError, match=says) as said:
            read(archive)
        assert str(said.value).startswith(f"{archive}: ")
    assert every(tmp_path) == before
    assert list(temporary.iterdir()) == []


def test_an_encrypted_zip_is_refused(tmp_path: Path) -> None:
    archive = zipped(tmp_path / "a.zip", ("job.json", b"{}"))
    content = bytearray(archive.read_bytes())
    at = content.index(b"PK\x01\x02") + 8  # the flags of the member in the directory
    content[at] |= 1
    archive.write_bytes(content)
    with pytest.raises(InputError, match=r"'job\.json' is encrypted"):
        read_sweep(archive)


@pytest.mark.parametrize("suffix", [".zip", ".tar", ".tgz"])
def test_size_and_number_are_bounded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, temporary: Path, suffix: str
) -> None:
    make = zipped if suffix == ".zip" else tarred
    archive = make(tmp_path / f"a{suffix}", *((f"{i}.json", b"{}") for i in range(6)))
    monkeypatch.setattr(archives, "FILES", 6)
    with pytest.raises(InputError, match=r"neither sweep\.json nor job\.json"):
        read_sweep(archive)
    monkeypatch.setattr(archives, "FILES", 5)
    with pytest.raises(InputError, match=r"holds more than 5 files; unpack it yourself and give the folder$"):
        read_sweep(archive)
    bomb = make(tmp_path / f"b{suffix}", ("a.html", bytes(3 << 20)), ("b.bin", bytes(3 << 20)))
    monkeypatch.setattr(archives, "BYTES", 5 << 20)
    with pytest.raises(InputError, match=r"holds more than 0 GiB, unpacked"):
        read_sweep(bomb)
    assert list(temporary.iterdir()) == []


def test_a_compressed_tar_is_not_unpacked_past_its_limit(tmp_path: Path) -> None:
    """8 TiB by its header; reading on would take hours."""
    info = tarfile.TarInfo("a.json")
    info.size = 8 << 40
    archive = tmp_path / "a.tgz"
    archive.write_bytes(gzip.compress(info.tobuf(tarfile.GNU_FORMAT) + bytes(1 << 20)))
    with pytest.raises(InputError, match="holds more than 4 GiB"):
        read_sweep(archive)


@pytest.mark.parametrize("size", [1 << 33, -512])
@pytest.mark.parametrize("suffix", [".tar", ".tgz"])
def test_a_record_cannot_claim_memory_or_turn_back(tmp_path: Path, size: int, suffix: str) -> None:
    header = tarfile.TarInfo("pax")
    header.type, header.size = tarfile.XHDTYPE, size
    content = header.tobuf(tarfile.GNU_FORMAT) + bytes(1 << 16)
    archive = tmp_path / f"a{suffix}"
    archive.write_bytes(gzip.compress(content) if suffix == ".tgz" else content)
    with pytest.raises(InputError, match="no whole archive"):
        read_sweep(archive)


def test_a_member_of_negative_size_is_no_endless_loop(tmp_path: Path) -> None:
    info = tarfile.TarInfo("a.json")
    info.size = -512
    archive = tmp_path / "a.tar"
    archive.write_bytes(info.tobuf(tarfile.GNU_FORMAT) + bytes(1 << 16))
    with pytest.raises(InputError, match="no whole archive"):
        read_sweep(archive)


def test_what_is_wrong_inside_is_said_of_the_archive(made: Path, tmp_path: Path, temporary: Path) -> None:
    folder = shutil.copytree(made, tmp_path / "b")
    (folder / "1" / "scores.json").write_text("{[")
    archive = packed(folder, tmp_path / "b.zip")
    for read in (read_sweep, lambda path: gather([path])):
        with pytest.raises(InputError) as said:
            read(archive)
        assert str(said.value).startswith(f"{archive}/b/1/scores.json: cannot be read")
        assert str(temporary) not in str(said.value)


def test_an_archive_of_several_sweeps_is_gathered_and_one_sweep_is_not_read_from_it(made: Path, tmp_path: Path) -> None:
    both = tmp_path / "both"
    for name in ("x", "y"):
        shutil.copytree(made, both / name)
    archive = packed(both, tmp_path / "both.tar.gz")
    assert [sweep.folder for sweep in gather([archive, made])] == [archive / "both/x", archive / "both/y", made]
    with pytest.raises(InputError, match=r"both\.tar\.gz: holds 2 results \(both/x, both/y\), and one is wanted"):
        read_sweep(archive)


def test_a_folder_is_no_archive_whatever_its_name(made: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(made, tmp_path / "sweep.zip")
    assert not is_archive(folder)
    assert len(read_sweep(folder).jobs) == 2
    assert not is_archive(tmp_path / "nowhere.zip")
    other = tmp_path / "a.rar"
    other.write_bytes(b"Rar!")
    with pytest.raises(InputError, match=r"a\.rar: neither a folder of results nor an archive of them \(\.zip, "):
        gather([other])


def test_a_report_goes_elsewhere_and_what_it_reads_stays_as_it_is(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An archive, and a folder, neither of which may be written to."""
    shelf = tmp_path / "shelf"
    shelf.mkdir()
    archive = packed(made, shelf / "a.tgz")
    folder = sweeps.sweep(shelf / "b", dict(list(sweeps.SIX.items())[2:3]), prompts=3)
    before = every(shelf)
    for path in (archive, *sorted(folder.rglob("*")), folder, shelf):
        path.chmod(0o500 if path.is_dir() else 0o400)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("harness.report.figures.write", lambda *_: [])  # which takes seconds
    try:
        report(parse([str(archive), str(folder)]))
    finally:
        for path in (shelf, folder, *sorted(folder.rglob("*"))):
            path.chmod(0o700)
    (there,) = (tmp_path / "results").iterdir()
    assert there.name.endswith("_report")
    assert {path.name for path in there.iterdir()} >= {"report.html", "report.md", "table.csv"}
    assert f"python -m harness.report {archive} {folder}" in (there / "report.md").read_text()
    assert every(shelf) == before
