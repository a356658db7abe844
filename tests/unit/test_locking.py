"""One process at a time writes to a folder."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from harness.errors import InputError
from harness.locking import locked

HOLD = """
import sys, time
from pathlib import Path
from harness.locking import locked
with locked(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_second_process_is_told(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        with pytest.raises(InputError, match="another run is writing there"), locked(tmp_path):
            pass
        other.send_signal(signal.SIGKILL)
    with locked(tmp_path):  # the system let go of it
        assert (tmp_path / ".lock").exists()


def test_nothing_is_left(tmp_path: Path) -> None:
    for _ in range(2):
        with locked(tmp_path):
            pass
    assert list(tmp_path.iterdir()) == []
