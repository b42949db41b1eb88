"""The sums that are compiled where there is a C compiler (_native.pyi); `native` is None where there was none.

Who uses them must do without: the same, only slower (docs/decisions/compiled.md).
"""

from __future__ import annotations

try:
    from autoscaler.core import _native as native
except ImportError:
    native = None  # type: ignore[assignment]

COMPILED: bool = native is not None
"""What people are told: by `--version`, the log, `autoscaler_build_info`, the doctor."""

__all__ = ["COMPILED", "native"]
