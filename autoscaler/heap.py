"""Memory that was freed and that C's allocator keeps, in holes between what is still in use: given back to the system.

A thousand TLS handshakes at the start, and every page and list after them, leave such holes: 18 of 64 MiB of the
allocator's at 1,000 nodes. It takes 3 ms there, as often as all objects are looked at (garbage.py).
"""

from __future__ import annotations

import ctypes

_trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
"""glibc's; other C libraries give memory back by themselves, or not at all."""


def give_back() -> None:
    """Whole pages of it; what is freed later is not."""
    if _trim is not None:
        _trim(ctypes.c_size_t(0))
