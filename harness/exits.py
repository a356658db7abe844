"""How a command ends: true exit codes, and one sentence for a mistake."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from harness.errors import ChecksFailed, DecodingFailed, InputError, JobsFailed
from harness.stopping import Stopped

LONGEST = 1500  # characters of a message
_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)  # a disk's own errors, which do not always come with a name


@contextmanager
def exits() -> Iterator[None]:
    """Exit with 1 and one sentence for a user's mistake, a failed check or a file that cannot be written or read.

    With 1 too, and a line for each job, if generations failed; with 130 if interrupted, with 143 if told to end.
    Anything else is a fault of ours.
    """
    try:
        yield
    except InputError as error:
        print(f"error: {one_line(str(error))}", file=sys.stderr)
        sys.exit(1)
    except ChecksFailed as failed:
        print(f"failed: {failed}", file=sys.stderr)
        sys.exit(1)
    except OSError as error:
        if error.filename is None and error.errno not in _DISK:
            raise
        where = f"{os.fsdecode(error.filename)}: " if isinstance(error.filename, str | bytes) else ""
        print(f"error: {one_line(f'{where}{error.strerror or error}')}", file=sys.stderr)
        sys.exit(1)
    except (DecodingFailed, JobsFailed) as failed:
        print(f"failed: {failed}", file=sys.stderr)
        sys.exit(1)
    except Stopped as stopped:
        print(f"stopped by {stopped}", file=sys.stderr)
        sys.exit(stopped.code)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        sys.exit(130)


def one_line(message: str) -> str:
    """The message on one line that a terminal shows as it is: whatever values and names of files in it hold.

    What is not printable is escaped, and the middle of a very long message left out.
    """
    shown = "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in message)
    if len(shown) <= LONGEST:
        return shown
    return f"{shown[: LONGEST - 400]} […{len(shown) - LONGEST} characters…] {shown[-400:]}"
