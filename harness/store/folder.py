"""A store in a folder, for the processes of many machines that share a file system."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Collection, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

from harness.atomic import replacing, write_json
from harness.errors import InputError
from harness.store.base import Stored
from harness.store.complaints import of_system
from harness.store.entry import KEY, pack, unpack

MARKER = "store.json"
_MARK = {"store": "generations", "format": 1}
_THREADS = 8


class FolderStore:
    """One file per entry, `ab/cdef….gen` by the key in hexadecimal; `store.json` says that the folder is a store.

    It needs no locks: an entry is written under a temporary name and renamed, so each is there whole or not at all. Of
    several put at once some may be there if the writer dies. Where two processes put the same key in the same instant,
    the last stays. 50,000 generations of 64 tokens: 59 MB, which take 212 MB in blocks of 4 kB, a minute to put and
    10 s to get on a busy disk. Eight threads write four times as fast as one, which waits for the disk.
    """

    def __init__(self, folder: Path, name: str | None = None, *, writing: bool = True) -> None:
        """Open the folder, or make it.

        Args:
            folder: a store, or empty, or absent.
            name: what messages call it, such as `store=FOLDER`; the path, if nothing is said.
            writing: if not, nothing is made and no entry removed.

        Raises:
            InputError: it cannot be made or written, or holds something else.
        """
        self._folder, self._name, self._writing, self._broken = folder, name or str(folder), writing, 0
        try:
            self._begin()
        except OSError as error:
            raise self._mistake(error) from error

    def get(self, keys: Collection[bytes]) -> dict[bytes, Stored]:
        """See `Store.get`."""
        wanted, found = list(keys), {}
        with ThreadPoolExecutor(_THREADS) as pool:
            for key, (there, entry) in zip(wanted, pool.map(self._read, wanted), strict=True):
                if entry:
                    found[key] = entry
                elif there:
                    self._broken += 1
                    if self._writing:
                        with suppress(OSError):
                            self._remove(key)
        return found

    def put(self, entries: Mapping[bytes, Stored]) -> None:
        """See `Store.put`; entry by entry."""
        packed = [(self._file(key), pack(key, entry)) for key, entry in entries.items()]
        try:
            with ThreadPoolExecutor(_THREADS) as pool:
                written = {file.parent for file in pool.map(_write, packed) if file}
                list(pool.map(_sync, written | {self._folder}))
        except OSError as error:
            raise self._mistake(error) from error

    def all_keys(self) -> Iterator[bytes]:
        """See `Store.all_keys`."""
        return (bytes.fromhex(file.parent.name + file.stem) for file in self._files())

    def size(self) -> int:
        """See `Store.size`."""
        return sum(file.stat().st_size for file in self._files())

    @property
    def broken(self) -> int:
        """See `Store.broken`."""
        return self._broken

    def __len__(self) -> int:
        return sum(1 for _ in self._files())

    def close(self) -> None:
        """See `Store.close`."""

    def _begin(self) -> None:
        """See that the folder is a store, and that it can be written; an empty one becomes a store."""
        marker = self._folder / MARKER
        if self._writing:
            self._folder.mkdir(parents=True, exist_ok=True)
            if not marker.exists() and not any(_foreign(each) for each in self._folder.iterdir()):
                write_json(marker, _MARK)
        if not marker.exists():  # asked again: another process may have just begun it
            raise InputError(
                f"{self._name}: this folder holds something else than a store of generations (there is no {MARKER}): "
                "name a new or an empty folder, or a file.sqlite"
            )
        try:
            mark = json.loads(marker.read_bytes())
        except ValueError:
            mark = None
        if mark != _MARK:
            raise InputError(f"{marker}: this is not what marks a store of this harness, {json.dumps(_MARK)}")
        if self._writing:
            tempfile.TemporaryFile(dir=self._folder).close()

    def _file(self, key: bytes) -> Path:
        name = key.hex()
        return self._folder / name[:2] / f"{name[2:]}.gen"

    def _files(self) -> Iterator[Path]:
        """The files of all entries."""
        try:
            for two in sorted(self._folder.glob("[0-9a-f][0-9a-f]")):
                yield from (file for file in two.glob("*.gen") if _is_entry(file))
        except OSError as error:
            raise self._mistake(error) from error

    def _read(self, key: bytes) -> tuple[bool, Stored | None]:
        """Whether an entry is there, and the entry if it is whole."""
        try:
            return True, unpack(key, self._file(key).read_bytes())
        except (FileNotFoundError, NotADirectoryError):
            return False, None
        except OSError:  # a damaged part of the disk
            return True, None

    def _remove(self, key: bytes) -> None:
        """Delete an entry that was found broken, unless another process has written it anew since."""
        file = self._file(key)
        aside = file.with_name(f".{file.name}.{os.getpid()}.broken")
        file.rename(aside)
        if unpack(key, aside.read_bytes()):
            aside.replace(file)
        else:
            aside.unlink()

    def _mistake(self, error: OSError) -> InputError:
        return InputError(f"{self._name}: {of_system(error)}")


def _write(packed: tuple[Path, bytes]) -> Path | None:
    """Write a file that is not there, and give it back."""
    file, data = packed
    if file.exists():
        return None
    with replacing(file) as temporary:
        temporary.write_bytes(data)
    return file


def _sync(folder: Path) -> None:
    """Wait until the disk has the names in a folder."""
    if os.name == "posix":  # elsewhere a folder cannot be opened
        opened = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(opened)
        finally:
            os.close(opened)


def _is_entry(file: Path) -> bool:
    name = file.stem
    return len(name) == 2 * KEY - 2 and all(letter in "0123456789abcdef" for letter in name)


def _foreign(file: Path) -> bool:
    """Whether a file is another's; a process that is killed while it begins a store leaves the marker's temporary."""
    return not file.name.startswith((MARKER, f".{MARKER}."))
