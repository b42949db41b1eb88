from __future__ import annotations

import subprocess
import sys

import pytest

ASIDE = """
import gc, weakref
from autoscaler.garbage import YOUNG, set_aside
class Node: pass
def cycle():
    node = Node(); node.itself = node
    return weakref.ref(node)
before, there = cycle(), [Node() for _ in range(1000)]
set_aside()
assert before() is None, "what was garbage already is not kept"
assert gc.get_freeze_count() > len(there)
assert not any(isinstance(each, Node) for each in gc.get_objects()), "what is there is not looked at"
later = cycle(); gc.collect()
assert later() is None, "what is made later is collected"
assert gc.get_threshold()[0] == YOUNG
"""
BEATEN = """
import gc, weakref
from autoscaler.garbage import ALL_SECONDS, Collector, set_aside
class Clock:
    at = 0.0
    def monotonic(self): return self.at
class Node: pass
def cycle():
    node = Node(); node.itself = node
    return node, weakref.ref(node)
def young():
    return len(gc.get_objects(generation=0))
def slow(phase, info):
    if phase == "stop" and info["generation"] == 2: clock.at += 0.07
def lives(seconds):
    for _ in range(round(seconds / 0.1)):
        clock.at += 0.1
        collector.beat()
clock = Clock()
set_aside()
collector = Collector(clock)
"""
YOUNG = """
served = [(None, 0)] * 50_000
for sample in range(3):
    for pod in range(len(served)):
        served[pod] = (None, sample)  # counted by nobody: one came from where the one before went
    collector.beat()
    assert young() < 1000, young()
"""
OLD = """
lives(ALL_SECONDS + 0.1)  # the first one sets aside
gc.callbacks.append(slow)
whole, gone = cycle()
lives(3.0)
del whole
lives(3.0)
assert gone() is not None, "it is old"
lives(ALL_SECONDS)
assert gone() is None
whole, gone = cycle()
lives(ALL_SECONDS)
del whole
assert gone() is not None, "that took 0.07 s: not again within 70 s"
lives(12.0)
assert gone() is None
"""
FIRST = """
there = [Node() for _ in range(1000)]
lives(ALL_SECONDS - 1)
assert any(isinstance(each, Node) for each in gc.get_objects())
lives(1.1)
assert not any(isinstance(each, Node) for each in gc.get_objects()), "a minute later it is not looked at any more"
later = [Node()]
lives(2 * ALL_SECONDS)
assert any(isinstance(each, Node) for each in gc.get_objects()), "but what comes after that is"
"""


@pytest.mark.parametrize(
    "told",
    [
        pytest.param(ASIDE, id="what is there is let be, and what comes later is collected"),
        pytest.param(
            BEATEN + YOUNG, id="samples that take the place of samples do not heap up until all are looked at"
        ),
        pytest.param(BEATEN + FIRST, id="what came since deciding began is let be as well, once"),
        pytest.param(BEATEN + OLD, id="what is old and goes in a cycle is freed, and looking for it has its measure"),
    ],
)
def test_in_a_process_of_its_own(told: str) -> None:
    ended = subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, check=False)
    assert not ended.returncode, ended.stderr
