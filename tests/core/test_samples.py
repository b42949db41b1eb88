import pytest

from autoscaler.core.requests import Failure
from autoscaler.core.samples import container_samples, pod_samples, sorted_pods
from autoscaler.model.compat import Compat
from autoscaler.model.metrics import MetricValue, PodMetrics
from autoscaler.model.objects import Pod, Ready
from autoscaler.model.policy import ControllerSettings

NOW = 10_000.0


def metrics(pod, *containers):
    return PodMetrics(pod, NOW, 30.0, tuple(containers))


FULL = metrics("full", ("app", {"cpu": 3, "memory": 9}), ("proxy", {"cpu": 4}))
EMPTY = metrics("empty")


def test_containers_are_added():
    assert pod_samples([FULL, EMPTY], "cpu") == {"full": MetricValue(7, "full", NOW, 30.0)}


def test_a_pod_with_a_container_that_lacks_the_resource_is_left_out():
    assert pod_samples([FULL], "memory") == {}


def test_one_container_alone():
    assert container_samples([FULL, EMPTY], "cpu", "proxy") == {"full": MetricValue(4, "full", NOW, 30.0)}
    assert container_samples([FULL], "memory", "proxy") == {}


def test_before_127193_a_pod_without_the_container_was_an_error():
    assert isinstance(container_samples([FULL, EMPTY], "cpu", "proxy", strict=True), Failure)


def pod(**fields):
    known = {"started": NOW - 1000, "ready": Ready("True", NOW - 900)}
    return Pod(namespace="shop", name="p", **(known | fields))


def sort(given, resource="cpu", sample=True, at=NOW - 5, window=15.0, **settings):
    samples = {"p": MetricValue(1, "p", at, window)} if sample else {}
    found = sorted_pods([given], samples, resource, ControllerSettings(**settings), NOW)
    return "ready" if found.ready else next(kind for kind in ("unready", "missing", "ignored") if getattr(found, kind))


SUCCEEDED_IGNORED = Compat(succeeded_pods_ignored=True)


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        pytest.param(sort(pod()), "ready", id="long running"),
        pytest.param(sort(pod(deleted=True)), "ignored", id="being deleted"),
        pytest.param(sort(pod(phase="Failed")), "ignored", id="failed"),
        pytest.param(sort(pod(phase="Succeeded"), sample=False), "missing", id="succeeded, as 1.37 has it"),
        pytest.param(sort(pod(phase="Succeeded"), compat=SUCCEEDED_IGNORED), "ignored", id="succeeded, later"),
        pytest.param(sort(pod(phase="Pending"), "memory"), "unready", id="pending, whatever the resource"),
        pytest.param(sort(pod(), sample=False), "missing", id="no sample"),
        pytest.param(sort(pod(ready=None)), "unready", id="cpu without a Ready condition"),
        pytest.param(sort(pod(ready=None), "memory"), "ready", id="memory without a Ready condition"),
        pytest.param(sort(pod(started=None)), "unready", id="cpu without a start time"),
        pytest.param(sort(pod(ready=Ready("False", NOW - 900))), "ready", id="was ready once, is unready now"),
        pytest.param(sort(pod(ready=Ready("False", NOW - 980))), "unready", id="never was ready"),
        pytest.param(sort(pod(ready=Ready("False", NOW - 970))), "ready", id="went unready exactly at the delay"),
        pytest.param(
            sort(pod(started=NOW - 100, ready=Ready("True", NOW - 50))), "ready", id="starting, one window on"
        ),
        pytest.param(
            sort(pod(started=NOW - 100, ready=Ready("True", NOW - 10))), "unready", id="starting, within a window"
        ),
        pytest.param(sort(pod(started=NOW - 100, ready=Ready("True", NOW - 20))), "ready", id="exactly one window"),
        pytest.param(sort(pod(started=NOW - 100, ready=Ready("False", NOW - 50))), "unready", id="starting, unready"),
        pytest.param(
            sort(pod(started=NOW - 100, ready=Ready("Unknown", NOW - 50))), "ready", id="unknown is not unready"
        ),
        pytest.param(sort(pod(started=NOW - 300, ready=Ready("True", NOW - 5))), "ready", id="start-up just over"),
        pytest.param(sort(pod(started=NOW - 100, ready=Ready("True", None))), "ready", id="no transition time"),
    ],
)
def test_a_pod_is_sorted(found, expected):
    assert found == expected
