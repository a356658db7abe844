"""How a command ends: true exit codes, and one sentence for a mistake."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from harness.errors import ChecksFailed, InputError


@contextmanager
def exits() -> Iterator[None]:
    """Exit with 1 and one sentence for a user's mistake or a failed check, with 130 if interrupted; anything else is a fault of ours."""
    try:
        yield
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(1)
    except ChecksFailed as failed:
        print(f"failed: {failed}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        sys.exit(130)
