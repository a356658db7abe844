"""Results in an archive (.zip, .tar, .tar.gz, .tgz): read from a temporary copy; the archive is only ever read.

An archive comes from anywhere, so every member is checked before the first is written: names stay inside, there are
regular files and folders alone, and their number and size are bounded. Only what results are read from is unpacked.
"""

from __future__ import annotations

import gzip
import io
import shutil
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath, PureWindowsPath
from tempfile import TemporaryDirectory
from typing import IO, TYPE_CHECKING

from harness.errors import InputError

if TYPE_CHECKING:
    from harness.results import Sweep

SUFFIXES = (".zip", ".tar", ".tar.gz", ".tgz")
FILES = 100_000
"""Members that an archive may have."""
BYTES = 4 << 30
"""Bytes that its members may have together, unpacked."""

_READ = {".json", ".yaml", ".parquet"}  # what results are read from; reports, figures and journals stay packed
_RECORD = 1 << 20  # bytes of a tar that are read at once
_BROKEN = (tarfile.TarError, zipfile.BadZipFile, gzip.BadGzipFile, zlib.error, EOFError, RuntimeError, ValueError)


@dataclass(frozen=True)
class _Member:
    name: str  # as the archive spells it
    kind: str  # "file", "folder", or what it is instead
    size: int  # bytes, unpacked


def is_archive(path: Path) -> bool:
    """Whether this is a file with the name of an archive."""
    return path.name.lower().endswith(SUFFIXES) and path.is_file()


@contextmanager
def unpacked(archive: Path) -> Iterator[Path]:
    """A temporary folder with the results of an archive; what the block complains of, it says of the archive.

    Raises:
        InputError: it is no archive, is broken, or holds what no archive of results does.
    """
    name = next((archive.name[: -len(s)] for s in SUFFIXES if archive.name.lower().endswith(s)), archive.name)
    with TemporaryDirectory(prefix="harness-") as made:
        folder = (Path(made) / (name.strip(".") or "results")).resolve()
        folder.mkdir()
        try:
            _unpack(archive, folder)
        except InputError:
            raise
        except _BROKEN as error:
            raise InputError(f"{archive}: no whole archive ({error})") from error
        try:
            yield folder
        except InputError as error:
            raise InputError(str(error).replace(str(folder), str(archive))) from error


def sole(folder: Path) -> Path:
    """The place in an unpacked archive that holds its results; the folder itself where jobs lie in it without a sweep.

    Raises:
        InputError: there are several.
    """
    found = {path.parent for name in ("sweep.json", "job.json") for path in folder.glob(f"**/{name}")}
    highest = sorted(each for each in found if not found & set(each.parents))
    if len(highest) > 1 and any((each / "sweep.json").exists() for each in highest):
        names = ", ".join(each.relative_to(folder).as_posix() for each in highest[:3])
        raise InputError(f"{folder}: holds {len(highest)} results ({names}), and one is wanted")
    return highest[0] if len(highest) == 1 else folder


def moved(sweep: Sweep, folder: Path, archive: Path) -> Sweep:
    """A sweep that was read from a temporary folder, as one that lies in the archive."""
    jobs = [replace(job, folder=archive / job.folder.relative_to(folder)) for job in sweep.jobs]
    return replace(sweep, folder=archive / sweep.folder.relative_to(folder), jobs=jobs)


def _unpack(archive: Path, folder: Path) -> None:
    if archive.name.lower().endswith(".zip"):
        with zipfile.ZipFile(archive) as packed:
            entries = packed.infolist()
            members = [_Member(each.filename, _zipped(each), each.file_size) for each in entries]
            for at in _wanted(archive, members):
                _write(folder, entries[at].filename, packed.open(entries[at]))
        return
    with archive.open("rb") as file:
        stream = _Bounded(gzip.GzipFile(fileobj=file) if archive.name.lower().endswith("gz") else file.raw)
        with tarfile.open(fileobj=stream, mode="r:") as tar:
            infos: list[tarfile.TarInfo] = []
            for at in _wanted(archive, _tarred(tar, infos)):
                if (content := tar.extractfile(infos[at])) is not None:
                    _write(folder, infos[at].name, content)


def _wanted(archive: Path, members: Iterable[_Member]) -> list[int]:
    """The places of the files to unpack, if all members are what they may be."""
    seen: dict[PurePosixPath, str] = {}  # a path -> its kind
    total, wanted = 0, []
    for at, each in enumerate(members):
        total += each.size
        if each.size < 0:
            raise ValueError(f"{each.name!r} has {each.size} bytes")
        if at >= FILES or total > BYTES:
            limit = f"{FILES:,} files" if at >= FILES else f"{BYTES >> 30} GiB, unpacked"
            raise InputError(f"{archive}: holds more than {limit}; unpack it yourself and give the folder")
        path = PurePosixPath(each.name)
        outside = path.is_absolute() or ".." in path.parts or "\\" in each.name or PureWindowsPath(each.name).drive
        if outside or "\0" in each.name:
            raise InputError(f"{archive}: {each.name!r} lies outside of it: an archive of results has no such member")
        if each.kind not in ("file", "folder"):
            raise InputError(f"{archive}: {each.name!r} is {each.kind}: an archive of results has files and folders")
        if not path.parts or (seen.get(path) == each.kind == "folder"):
            continue
        if path in seen or any(seen.get(above) == "file" for above in path.parents):
            raise InputError(f"{archive}: {each.name!r} is there twice")
        seen |= dict.fromkeys(path.parents, "folder") | {path: each.kind}
        if each.kind == "file" and path.suffix in _READ:
            wanted.append(at)
    return wanted


def _zipped(entry: zipfile.ZipInfo) -> str:
    kind = stat.S_IFMT(entry.external_attr >> 16)  # 0 where the system that packed it has no such kinds
    if entry.flag_bits & 1:
        return "encrypted"
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        return "a link" if kind == stat.S_IFLNK else "a device"
    return "folder" if entry.is_dir() else "file"


def _tarred(packed: tarfile.TarFile, infos: list[tarfile.TarInfo]) -> Iterator[_Member]:
    """The members one by one, so that a limit ends the reading; `infos` gets what the library says of each."""
    for info in packed:
        infos.append(info)
        plain = "file" if info.isreg() and not info.issparse() else "folder" if info.isdir() else ""
        linked = "a link" if info.islnk() or info.issym() else "a sparse file" if info.issparse() else "a device"
        yield _Member(info.name, plain or linked, info.size)


def _write(folder: Path, name: str, content: IO[bytes]) -> None:
    path = folder / PurePosixPath(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    with content, path.open("xb") as file:
        shutil.copyfileobj(content, file)


class _Bounded(io.BufferedReader):
    """A tar whose records cannot claim more memory than they need: tarfile reads each of them at once."""

    def read(self, size: int | None = -1, /) -> bytes:
        """As the stream's own.

        Raises:
            TarError: that is too much, or less than nothing.
        """
        if size is None or not 0 <= size <= _RECORD:
            raise tarfile.ReadError(f"a record of {size} bytes")
        return super().read(size)
