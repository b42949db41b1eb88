"""What alerts and the dashboard ask for is there: every series, label and runbook; queries are read for their names."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml
from prometheus_client import Counter, Histogram
from prometheus_client.metrics import MetricWrapperBase

from autoscaler.engine.survey import Survey
from autoscaler.errors import ScrapeError, ScrapeReason
from autoscaler.model.decision import Outcome
from autoscaler.model.objects import NodeName
from autoscaler.telemetry import Telemetry
from autoscaler.telemetry.noderequests import NodeRequests
from tests.scrapes import Told, reading
from tests.test_docs import anchors

ROOT = Path(__file__).resolve().parent.parent
FILES = ROOT / "charts/hpa-companion/files"
RUNBOOKS = ROOT / "docs/runbooks.md"
RULES = yaml.safe_load((FILES / "alerts.yaml").read_text())["rules"]
DASHBOARD = json.loads((FILES / "dashboard.json").read_text())
QUERIES = {rule["alert"]: rule["expr"] for rule in RULES} | {
    f"{panel['title']} {target['refId']}": target["expr"]
    for panel in DASHBOARD["panels"]
    for target in panel.get("targets", ())
}

TOKEN = re.compile(
    r'\s*(?:(?P<string>"[^"\\]*")|(?P<span>\[\d+[smhd]\])|(?P<number>\d+(?:\.\d+)?)'
    r"|(?P<name>[a-z_][a-z0-9_]*)|(?P<sign>==|!=|=~|!~|>=|<=|[-+*/%<>=(){},]))"
)
WORDS = {"absent", "by", "histogram_quantile", "increase", "max", "min", "rate", "sum", "time"}
TARGET_LABELS = frozenset({"job", "instance", "pod", "namespace"})
"""What Prometheus adds to each series."""


def known() -> dict[str, frozenset[str]]:
    """Every series Prometheus has of us, with its labels."""
    found = {"up": TARGET_LABELS}
    for series in Telemetry().registry._collector_to_names:  # the registry has no public list of what it collects
        if isinstance(series, NodeRequests):
            found |= {family.name: TARGET_LABELS | {"node"} for family in series.describe()}
            continue
        assert isinstance(series, MetricWrapperBase)
        labels = TARGET_LABELS | set(series._labelnames)
        if isinstance(series, Histogram):
            found |= {f"{series._name}_bucket": labels | {"le"}}
            found |= {f"{series._name}_{part}": labels for part in ("sum", "count")}
        else:
            found[series._name + ("_total" if isinstance(series, Counter) else "")] = labels
    return found


SERIES = known()


def tokens(query: str) -> Iterator[tuple[str, str]]:
    at = 0
    while query[at:].strip():
        match = TOKEN.match(query, at)
        if match is None:
            raise ValueError(f"cannot be read from here: {query[at:]}")
        at = match.end()
        yield str(match.lastgroup), match.group().strip()


def problems(query: str) -> list[str]:
    """What is wrong with a query, [] for nothing: brackets, names of series and functions, labels."""
    found: list[str] = []
    open_: list[str] = []
    series: set[str] = set()
    labels: set[str] = set()
    before = ""
    for kind, text in tokens(query):
        if text in {"(", "{"}:
            open_.append("by" if before == "by" else text)
        elif text in {")", "}"} and (not open_ or (open_.pop() == "{") != (text == "}")):
            return [*found, f"{text} closes nothing"]
        elif kind == "name" and open_ and open_[-1] in {"by", "{"}:
            labels.add(text)
        elif kind == "name" and text not in WORDS:
            series.add(text)
        before = text
    found += ["a bracket stays open"] if open_ else []
    found += [f"no such series: {name}" for name in sorted(series - SERIES.keys())]
    there = frozenset().union(*(SERIES.get(name, frozenset()) for name in series))
    return found + [f"no such label: {name}" for name in sorted(labels - there)]


@pytest.mark.parametrize("query", QUERIES.values(), ids=QUERIES.keys())
def test_every_query_asks_for_what_there_is(query: str) -> None:
    assert problems(query) == []


@pytest.mark.parametrize(
    ("query", "problem"),
    [
        pytest.param("sum(autoscaler_nodes", "a bracket stays open", id="open"),
        pytest.param("sum(autoscaler_nodes))", ") closes nothing", id="closed twice"),
        pytest.param('autoscaler_nodes{state="served")', ") closes nothing", id="crossed"),
        pytest.param("max(autoscaler_nodez)", "no such series: autoscaler_nodez", id="series"),
        pytest.param("autoscaler_event_loop_lag_seconds > 1", "no such series: autoscaler_event_loop_lag_seconds",
            id="a histogram has no value of its own"),
        pytest.param("sum by (colour) (autoscaler_nodes)", "no such label: colour", id="label"),
    ],
)  # fmt: skip
def test_a_wrong_query_is_seen(query: str, problem: str) -> None:
    assert problems(query) == [problem]


def test_outcomes_that_are_asked_for_exist() -> None:
    asked = {word for query in QUERIES.values() for word in re.findall(r'outcome="(\w+)"', query)}
    assert asked
    assert asked <= {str(outcome) for outcome in Outcome}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_every_alert_has_its_runbook(rule: dict[str, object]) -> None:
    annotations, labels = rule["annotations"], rule["labels"]
    assert isinstance(annotations, dict)
    assert isinstance(labels, dict)
    place, _, anchor = annotations["runbook_url"].partition("#")
    assert place == "@RUNBOOKS@"
    assert anchor in anchors(RUNBOOKS)
    assert f"`{rule['alert']}`" in RUNBOOKS.read_text()
    assert labels["severity"] in {"warning", "critical"}
    assert annotations["summary"]


def test_every_alert_a_runbook_names_exists() -> None:
    named = set(re.findall(r"`(HpaCompanion\w+)`", RUNBOOKS.read_text()))
    assert named == {rule["alert"] for rule in RULES}


def test_the_dashboard_has_no_panel_over_another() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert not cells & taken, panel["title"]
        taken |= cells


async def covered(*, cut_off_at: float) -> float:
    """The coverage a replica tells of at second 120, its kubelets having answered until then."""
    told = Told(resolution=10)
    for at in range(10, 121, 10):
        if at <= cut_off_at:
            told.scrape(at, own=reading(at, at))
        else:
            told.store.failed(told.node("n1"), ScrapeError("n1", ScrapeReason.CONNECT, "no route"))
    told.clock.at = 120
    nodes = {NodeName("n1"): told.node("n1")}
    await Survey(SimpleNamespace(nodes=lambda: nodes), told.store, told.clock, told.telemetry).look()
    return told.registry.get_sample_value("autoscaler_node_coverage_ratio") or 0.0


@pytest.mark.parametrize(("cut_off_at", "told"), [(120, False), (30, True)])
async def test_a32_the_series_of_replicas_that_disagree_are_what_an_alert_compares(
    cut_off_at: float, told: bool
) -> None:
    query = re.fullmatch(r"min\((\w+)\) < ([\d.]+) \* max\((\w+)\)", QUERIES["HpaCompanionReplicaCutOff"])
    assert query is not None
    assert query[1] == query[3] == "autoscaler_node_coverage_ratio"
    ratios = [await covered(cut_off_at=120), await covered(cut_off_at=cut_off_at)]
    assert (min(ratios) < float(query[2]) * max(ratios)) is told
