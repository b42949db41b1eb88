import pytest

from autoscaler.api.call import parse_call
from autoscaler.api.probes import Probes
from autoscaler.api.status import StatusError
from autoscaler.telemetry.health import Health, Verdict


def probes(*, ok: bool = True) -> Probes:
    health = Health()
    health.add_live(lambda: Verdict("loops", ok=True))
    health.add_ready(lambda: Verdict("coverage", ok, "node n1 <secret>"))
    return Probes(health)


GOOD = "[+]ping ok\n[+]coverage ok\nreadyz check passed\n"
BAD = "[+]ping ok\n[-]coverage failed: reason withheld\nreadyz check failed\n"


@pytest.mark.parametrize(
    ("ok", "target", "status", "body"),
    [
        pytest.param(True, "/readyz", 200, "ok", id="all is well"),
        pytest.param(True, "/readyz?verbose", 200, GOOD, id="each check by name"),
        pytest.param(True, "/readyz?verbose=true", 200, GOOD, id="verbose with a value"),
        pytest.param(False, "/readyz", 500, BAD, id="a failure is always told in full, its reason withheld"),
        pytest.param(False, "/readyz?exclude=coverage", 200, "ok", id="the failing check is excluded"),
        pytest.param(
            False,
            "/readyz?exclude=coverage&verbose",
            200,
            "[+]ping ok\n[+]coverage excluded: ok\nreadyz check passed\n",
            id="an excluded check says so",
        ),
        pytest.param(
            True,
            "/readyz?exclude=a&exclude=b&verbose",
            200,
            '[+]ping ok\n[+]coverage ok\nwarn: some health checks cannot be excluded: no matches for "a", "b"\n'
            "readyz check passed\n",
            id="an exclusion of something that is not there",
        ),
    ],
)
def test_the_whole_probe(ok: bool, target: str, status: int, body: str) -> None:
    answer = probes(ok=ok).whole("readyz", parse_call("GET", target))
    assert (answer.status, answer.body) == (status, body.encode())


def test_liveness_does_not_ask_what_readiness_asks() -> None:
    answer = probes(ok=False).whole("livez", parse_call("GET", "/livez?verbose"))
    assert answer.body == b"[+]ping ok\n[+]loops ok\nlivez check passed\n"
    assert probes(ok=False).whole("healthz", parse_call("GET", "/healthz")).status == 200


def test_one_check_tells_what_is_wrong() -> None:
    assert probes().part("readyz", "coverage").body == b"ok"
    assert probes().part("livez", "ping").body == b"ok"
    failed = probes(ok=False).part("readyz", "coverage")
    assert (failed.status, failed.body) == (500, b"internal server error: node n1 <secret>\n")
    with pytest.raises(StatusError) as caught:
        probes().part("readyz", "nothing")
    assert caught.value.code == 404


def test_paths_and_membership() -> None:
    assert "readyz" in probes()
    assert "metrics" not in probes()
    assert "/readyz/coverage" in probes().paths()
