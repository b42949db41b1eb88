"""The sums that are compiled where there is a C compiler (_native.pyi); `native` is None where there was none.

Who uses them must do without: the same, only slower (docs/decisions/compiled.md).
"""

from __future__ import annotations

FAULT = ""
"""Why what was compiled does not load: made for another machine or Python. "" also where nothing was."""

try:
    import autoscaler.core._native as native
except ModuleNotFoundError:
    native = None  # type: ignore[assignment]
except ImportError as exc:
    native, FAULT = None, str(exc)  # type: ignore[assignment]

COMPILED: bool = native is not None
"""What people are told: by `--version`, the log, `autoscaler_build_info`, the doctor."""

__all__ = ["COMPILED", "FAULT", "native"]
