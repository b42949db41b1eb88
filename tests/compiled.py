"""The compiled part, for tests of it: without a C compiler they are skipped by name, or fail where all is required."""

from __future__ import annotations

from types import ModuleType

import pytest

from autoscaler.core import compiled
from tests.e2e.requirements import missing


@pytest.fixture
def native() -> ModuleType:
    """autoscaler.core._native."""
    if compiled.native is None:
        missing("autoscaler.core._native", "it was not built: install gcc and the headers of Python, then `make`")
    return compiled.native
