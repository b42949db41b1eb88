from __future__ import annotations

import pytest

from autoscaler.telemetry.buckets import REQUEST_BUCKETS, tick_buckets


@pytest.mark.parametrize(
    ("resolution", "added"),
    [
        pytest.param(15, (12.5, 15, 22.5, 30), id="the usual resolution: some around it"),
        pytest.param(60, (35, 60, 90, 120), id="a minute"),
        pytest.param(4, (4,), id="below the longest bucket: itself"),
        pytest.param(10, (), id="a bucket already"),
        pytest.param(2.503, (), id="as good as a bucket"),
    ],
)
def test_the_buckets_of_a_tick_are_metrics_servers(resolution: float, added: tuple[float, ...]) -> None:
    assert tick_buckets(resolution) == tuple(sorted({*REQUEST_BUCKETS, *added}))
