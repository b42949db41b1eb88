from __future__ import annotations

import subprocess
import sys

LOOK = """
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


def test_what_is_there_is_let_be_and_what_comes_later_is_collected() -> None:
    ended = subprocess.run([sys.executable, "-c", LOOK], capture_output=True, text=True, check=False)
    assert not ended.returncode, ended.stderr
