"""Somebody who lists nodes through the aggregator all the while."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from tests.e2e.cluster import Cluster

NODES = "/apis/metrics.k8s.io/v1beta1/nodes"


@contextmanager
def asking(cluster: Cluster) -> Iterator[list[int]]:
    """List nodes through the aggregator, one request after the other, all the while; the codes so far (0: none)."""
    codes: list[int] = []
    stop = threading.Event()

    def ask() -> None:
        while not stop.is_set():
            try:
                codes.append(cluster.admin.raw("GET", NODES)[0])
            except OSError:
                codes.append(0)

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        yield codes
    finally:
        stop.set()
        thread.join()
