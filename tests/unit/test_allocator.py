from __future__ import annotations

import os
import platform
import subprocess
import sys

import pytest

# How many pages the kernel gives out while a block of 64 MiB is taken, filled and freed ten times.
FAULTS = """
import ctypes, resource
if {keep}:
    from harness.allocator import keep_freed_memory
    keep_freed_memory()
libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(10):
    block = ctypes.c_void_p(libc.malloc(ctypes.c_size_t(2**26)))
    ctypes.memset(block, 1, 2**26)
    libc.free(block)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def faults(keep: bool, **environment: str) -> int:
    code = FAULTS.format(keep=keep)
    env = {k: v for k, v in os.environ.items() if not k.startswith(("MALLOC_", "GLIBC_"))} | environment
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True)
    return int(done.stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="needs glibc, whose allocator it is about")
def test_a_freed_block_is_used_again() -> None:
    cleared = faults(keep=False)
    assert faults(keep=True) < cleared / 5
    assert faults(keep=True, MALLOC_TRIM_THRESHOLD_="131072") > cleared / 2  # the environment goes first
