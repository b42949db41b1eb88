"""What Python's collector of cycles need not look at: the cluster, once it is known.

A full collection visits every object there is; with the pods of a thousand targets that takes a fifth of a second to
half a second, in which nothing is decided and no answer is read. What is known when deciding begins stays for long or
goes without being part of a cycle, so it is set aside once.
"""

from __future__ import annotations

import gc

YOUNG = 5000
"""Objects made before the youngest are looked at; Python's 700 come together in two evaluations."""
YOUNG_ROUNDS, MIDDLE_ROUNDS = 20, 20
"""Looks at the youngest before the middle ones, and at those before all that was not set aside, are looked at."""


def set_aside() -> None:
    """Collect once more, then let what is there now be. What is made later is collected as ever, only less often."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG, YOUNG_ROUNDS, MIDDLE_ROUNDS)
