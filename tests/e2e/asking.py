"""Somebody who asks, or does something else, all the while a test goes on."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tests.e2e.kubeapi import Api

NODES = "/apis/metrics.k8s.io/v1beta1/nodes"


@contextmanager
def meanwhile(act: Callable[[], None], pause: float = 0.0) -> Iterator[None]:
    """A thread acts again and again, `pause` seconds in between; it has ended when the block has."""
    stop = threading.Event()

    def go_on() -> None:
        while not stop.is_set():
            act()
            stop.wait(pause)

    thread = threading.Thread(target=go_on)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


@contextmanager
def asking(api: Api, path: str = NODES, pause: float = 0.0) -> Iterator[list[int]]:
    """Somebody gets `path`, one request after the other; the codes so far (0: no answer at all)."""
    codes: list[int] = []

    def ask() -> None:
        try:
            codes.append(api.raw("GET", path)[0])
        except OSError:
            codes.append(0)

    with meanwhile(ask, pause):
        yield codes
