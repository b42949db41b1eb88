import contextlib

import pytest

from autoscaler.api.call import parse_call
from autoscaler.api.lanes import Lane, Lanes, lane_of
from autoscaler.api.status import StatusError

BASE = "/apis/metrics.k8s.io/v1beta1"


@pytest.mark.parametrize(
    ("target", "direct", "proxied"),
    [
        ("/livez", Lane.FREE, Lane.FREE),
        ("/readyz?verbose", Lane.FREE, Lane.FREE),
        ("/readyz/ping", Lane.LIGHT, Lane.LIGHT),
        ("/", Lane.DISCOVERY, Lane.FREE),
        ("/apis", Lane.DISCOVERY, Lane.FREE),
        ("/apis/metrics.k8s.io", Lane.DISCOVERY, Lane.FREE),
        (BASE, Lane.DISCOVERY, Lane.FREE),
        (f"{BASE}x", Lane.LIGHT, Lane.LIGHT),
        ("/version", Lane.DISCOVERY, Lane.FREE),
        ("/openapi/v3", Lane.DISCOVERY, Lane.FREE),
        ("/openapi/v3/apis/metrics.k8s.io/v1", Lane.DISCOVERY, Lane.FREE),
        ("/metrics", Lane.LIGHT, Lane.LIGHT),
        ("/metrics/core", Lane.HEAVY, Lane.HEAVY),
        ("//", Lane.LIGHT, Lane.LIGHT),
        (f"{BASE}/pods", Lane.HEAVY, Lane.HEAVY),
        (f"{BASE}/namespaces/a/pods", Lane.HEAVY, Lane.HEAVY),
        (f"{BASE}/nodes/n1", Lane.LIGHT, Lane.LIGHT),
        (f"{BASE}/pods?watch=1", Lane.WATCH, Lane.WATCH),
    ],
)
def test_which_lane(target: str, direct: Lane, proxied: Lane) -> None:
    call = parse_call("GET", target)
    assert (lane_of(call, proxied=False), lane_of(call, proxied=True)) == (direct, proxied)


def test_a_full_lane_refuses_and_a_place_given_back_is_free_again() -> None:
    lanes = Lanes(heavy=2, light=1)
    with lanes.place(Lane.HEAVY):
        with lanes.place(Lane.HEAVY), pytest.raises(StatusError) as caught, lanes.place(Lane.HEAVY):
            pass
        assert (caught.value.code, caught.value.retry_after) == (429, 1)
        with lanes.place(Lane.HEAVY), lanes.place(Lane.LIGHT):
            pass
    with contextlib.suppress(ZeroDivisionError), lanes.place(Lane.LIGHT):
        raise ZeroDivisionError
    with lanes.place(Lane.LIGHT):
        pass


def test_one_user_does_not_have_all_watches() -> None:
    lanes = Lanes(watches=8)
    with contextlib.ExitStack() as stack:
        for _ in range(2):
            stack.enter_context(lanes.share(Lane.WATCH, "greedy"))
        with pytest.raises(StatusError) as caught:
            stack.enter_context(lanes.share(Lane.WATCH, "greedy"))
        assert (caught.value.code, caught.value.retry_after) == (429, 1)
        stack.enter_context(lanes.share(Lane.WATCH, "modest"))
        for _ in range(100):
            stack.enter_context(lanes.share(Lane.HEAVY, "greedy"))
    assert not lanes._watching
    with lanes.share(Lane.WATCH, "greedy"):
        pass


def test_the_free_lane_has_no_end() -> None:
    lanes = Lanes(heavy=0, light=0, discovery=0)
    with contextlib.ExitStack() as stack:
        for _ in range(1000):
            stack.enter_context(lanes.place(Lane.FREE))
