from __future__ import annotations

import resource
import subprocess
import sys

import pytest
from msgspec.structs import astuple

from autoscaler.api.connection import Limits
from autoscaler.app.descriptors import ENOUGH, RESERVED, shares, shares_now
from autoscaler.engine.scraper import CONCURRENCY


@pytest.mark.parametrize("limit", [RESERVED + 6, 256, 1024, ENOUGH, 1 << 20])
def test_p02_all_shares_together_leave_what_is_reserved(limit: int) -> None:
    made = shares(limit)
    assert sum(astuple(made)) <= limit - RESERVED
    assert min(astuple(made)) >= 1


@pytest.mark.parametrize("limit", [1 << 20, resource.RLIM_INFINITY], ids=["large", "none"])
def test_where_there_are_enough_nothing_is_less_than_it_would_be(limit: int) -> None:
    made, most = shares(limit), Limits()
    assert (made.scrapes, made.limits()) == (CONCURRENCY, most)
    assert made.kept > 100_000


def test_p02_with_256_there_are_fewer_scrapes_at_once() -> None:
    assert shares(256).scrapes == CONCURRENCY // 2


RAISED = """
import resource
resource.setrlimit(resource.RLIMIT_NOFILE, (128, 256))
from autoscaler.app.descriptors import raised
print(raised(), resource.getrlimit(resource.RLIMIT_NOFILE)[0])
"""


def test_the_limit_is_raised_to_what_is_allowed_and_too_few_are_told() -> None:
    done = subprocess.run([sys.executable, "-c", RAISED], capture_output=True, text=True, timeout=60, check=True)
    told, _, numbers = done.stdout.strip().rpartition("\n")
    assert numbers == "256 256"
    assert "Few files may be open" in told


def test_the_limit_as_it_is_counts() -> None:
    assert shares_now() == shares(resource.getrlimit(resource.RLIMIT_NOFILE)[0])
