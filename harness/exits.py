"""How a command ends: true exit codes, and one sentence for a mistake."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from harness.errors import ChecksFailed, InputError

_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)  # a disk's own errors, which do not always come with a name


@contextmanager
def exits() -> Iterator[None]:
    """Exit with 1 and one sentence for a user's mistake, a failed check or a file that cannot be written or read.

    If interrupted, with 130. Anything else is a fault of ours.
    """
    try:
        yield
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(1)
    except ChecksFailed as failed:
        print(f"failed: {failed}", file=sys.stderr)
        sys.exit(1)
    except OSError as error:
        if error.filename is None and error.errno not in _DISK:
            raise
        where = f"{os.fsdecode(error.filename)}: " if isinstance(error.filename, str | bytes) else ""
        print(f"error: {where}{error.strerror or error}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        sys.exit(130)
