import asyncio

import pytest


def pytest_configure(config: pytest.Config) -> None:
    # pytest-asyncio asks for "the current loop" before each test, to put it back afterwards; Python 3.11 answers by
    # making one that nobody closes, and its ResourceWarning then fails whichever test runs when it is collected.
    # Once a loop (or None) was set on purpose, none is made.
    asyncio.set_event_loop(None)
