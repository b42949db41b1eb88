from __future__ import annotations

import msgspec
import pytest

from autoscaler.model.whatif import Report
from autoscaler.report.forms import FORMS, told
from tests.report.samples import troubled


@pytest.mark.parametrize(
    ("form", "start"), [("text", "Record    /var"), ("json", '{"source":"/var'), ("html", "<!doctype html>")]
)
def test_every_form_is_told(form: str, start: str) -> None:
    assert form in FORMS
    text = "".join(told(troubled(), form))
    assert text.startswith(start)
    assert text.endswith("\n")


def test_json_is_the_whole_report() -> None:
    assert msgspec.json.decode("".join(told(troubled(), "json")), type=Report).differing == 1
