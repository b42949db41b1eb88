"""Every module of autoscaler/ has its test twin: autoscaler/core/rates.py <-> tests/core/test_rates.py, _native.c too.

Words without behaviour (autoscaler/model/, errors.py), `__init__.py` and `__main__.py` need none. Every test below the
mirrored folders must have its module.
"""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
NO_BEHAVIOUR = {"errors.py", "__init__.py", "__main__.py"}
ROOMS = ("cli", "config", "telemetry", "model", "core", "engine", "control", "api", "kube", "audit", "sim", "report")


def lone_modules() -> list[str]:
    """Modules without a test."""
    found = []
    for module in sorted(each for each in (ROOT / "autoscaler").rglob("*") if each.suffix in {".py", ".c"}):
        path = module.relative_to(ROOT / "autoscaler")
        if path.name in NO_BEHAVIOUR or path.parts[0] == "model":
            continue
        twin = ROOT / "tests" / path.parent / f"test_{path.stem.lstrip('_')}.py"
        if not twin.exists():
            found.append(f"autoscaler/{path} has no {twin.relative_to(ROOT)}")
    return found


def lone_tests() -> list[str]:
    """Tests of a mirrored folder without a module."""
    found = []
    for room in ROOMS:
        for test in sorted((ROOT / "tests" / room).rglob("test_*.py")):
            path = test.relative_to(ROOT / "tests")
            name = path.stem.removeprefix("test_")
            if not any((ROOT / "autoscaler" / path.parent / each).exists() for each in (f"{name}.py", f"_{name}.c")):
                found.append(f"tests/{path} tests no module of that name")
    return found


def main() -> int:
    """Print what is alone; 1 when anything is."""
    alone = lone_modules() + lone_tests()
    print("\n".join(alone) or "twins: every module has its test")
    return 1 if alone else 0


if __name__ == "__main__":
    sys.exit(main())
