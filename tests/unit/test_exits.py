"""How commands end."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from harness.errors import ChecksFailed, InputError
from harness.exits import exits


@pytest.mark.parametrize(
    ("error", "code", "says"),
    [
        (InputError("x=1: no"), 1, "error: x=1: no\n"),
        (ChecksFailed("two"), 1, "failed: two\n"),
        (KeyboardInterrupt(), 130, "interrupted\n"),
        (PermissionError(errno.EACCES, "Permission denied", "a/b"), 1, "error: a/b: Permission denied\n"),
        (FileNotFoundError(errno.ENOENT, "No such file", b"a"), 1, "error: a: No such file\n"),
        (OSError(errno.ENOSPC, "No space left on device"), 1, "error: No space left on device\n"),
    ],
)
def test_what_a_user_can_mend_is_one_sentence(
    error: BaseException, code: int, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as end, exits():
        raise error
    assert end.value.code == code
    assert capsys.readouterr().err == says


@pytest.mark.parametrize(
    "error", [ValueError("x"), OSError("x"), ConnectionError("x"), BrokenPipeError(errno.EPIPE, "x")]
)
def test_a_fault_of_ours_is_shown_whole(error: Exception) -> None:
    with pytest.raises(type(error)), exits():
        raise error


def test_a_folder_that_cannot_be_made(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SystemExit), exits():
        (tmp_path / "file" / "below").mkdir()
    assert capsys.readouterr().err == f"error: {tmp_path / 'file' / 'below'}: Not a directory\n"
