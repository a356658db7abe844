"""python -m harness.score FILE: score texts that anybody generated.

The code is in `harness.scoring`. `harness.score` is also the function of the Python API: importing this module gives
that function, so that the name means one thing however it was come by.
"""

from __future__ import annotations

import sys

if __name__ == "__main__":
    from harness.scoring.command import main

    main()
elif __name__ == "harness.score":
    from harness import api

    sys.modules[__name__] = api.score  # type: ignore[assignment]
