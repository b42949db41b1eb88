from __future__ import annotations

import subprocess
import sys

HOLES = """
from pathlib import Path
from autoscaler.heap import give_back
def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096
kept = [bytearray(b"x" * 8192) for _ in range(8192)]
full = resident()
del kept[:-1]  # the last one stands above the hole
assert full - resident() < 32 << 20, "it is kept by the allocator"
give_back()
assert full - resident() > 48 << 20, (full, resident())
give_back()
assert kept == [bytearray(b"x" * 8192)]
"""


def test_what_was_freed_below_what_is_in_use_goes_back_to_the_system() -> None:
    """In a process of its own: what others of this one left would be given back with it."""
    ended = subprocess.run([sys.executable, "-c", HOLES], capture_output=True, text=True, check=False)
    assert not ended.returncode, ended.stderr
