from __future__ import annotations

import pytest

from autoscaler.app.troubles import told
from autoscaler.errors import ConfigError, KubeError


@pytest.mark.parametrize(
    ("errors", "expected"),
    [
        pytest.param([ConfigError("taken")], "taken", id="alone"),
        pytest.param([ExceptionGroup("inner", [ConfigError("taken")])], "taken", id="in a group of a part"),
        pytest.param([ValueError("bug"), ConfigError("taken")], "taken", id="beside one that is not ours"),
        pytest.param([KubeError("away"), ConfigError("taken")], "taken", id="behind one that nobody can mend here"),
        pytest.param([KubeError("away")], "away", id="no mistake of the person's"),
    ],
)
def test_of_a_group_one_error_is_told(errors: list[Exception], expected: str) -> None:
    assert str(told(ExceptionGroup("parts", errors))) == expected


def test_a_fault_of_the_program_keeps_its_traceback() -> None:
    assert told(ExceptionGroup("parts", [ValueError("bug")])) is None
