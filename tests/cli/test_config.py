from __future__ import annotations

import io
from pathlib import Path

import pytest
import yaml

from autoscaler.cli import config
from autoscaler.config.load import load

GIVEN = [
    ("nothing", {}),
    ("a short resolution", {"metric-resolution": "3s"}),
    ("words that YAML would misread", {"audit-topic": "no", "node-selector": "a=1e3,b!=null"}),
    ("lists", {"audit-kafka-bootstrap-servers": "a:1,[::1]:2", "kubelet-preferred-address-types": "Hostname"}),
    ("a path with blanks and quotes", {"audit-spool-dir": '/var/it\'s a "spool": #1'}),
]


@pytest.mark.parametrize("given", [pytest.param(flags, id=name) for name, flags in GIVEN])
def test_what_is_printed_is_accepted_and_means_the_same(given: dict[str, str], tmp_path: Path) -> None:
    settings = load(given, {})
    out = io.StringIO()
    assert config.run(settings, origins=True, out=out) == 0
    path = tmp_path / "config.yaml"
    path.write_text(out.getvalue())
    again = load({"config": str(path)}, {})
    assert {**again.values, "config": ""} == settings.values


def test_origins_are_told_on_demand() -> None:
    settings = load({"sync-period": "20s"}, {"AUTOSCALER_LOG_LEVEL": "debug"})
    lines = list(config.lines(settings, origins=True))
    assert "syncPeriod: 20s  # flag" in lines
    assert "logLevel: debug  # environment" in lines
    assert "kubeletPort: 10250  # default" in lines
    assert not any(line.endswith("# default") for line in config.lines(settings, origins=False))


def test_every_option_but_the_file_itself_is_printed() -> None:
    settings = load({}, {})
    printed = yaml.safe_load("\n".join(config.lines(settings, origins=False)))
    assert len(printed) == len(settings.values) - 1 + len(("apiVersion", "kind"))
