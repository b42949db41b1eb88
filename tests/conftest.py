import asyncio
import os

import pytest
from hypothesis import settings

# Without a word from outside the examples are the same every time, and a loaded machine is no failure. `make fuzz`
# takes new ones, and many, for the tests marked `fuzz`.
settings.register_profile("same", deadline=None, derandomize=True)
settings.register_profile("fuzz", deadline=None, max_examples=10_000, print_blob=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "same"))


def pytest_configure(config: pytest.Config) -> None:
    # pytest-asyncio asks for "the current loop" before each test, to put it back afterwards; Python 3.11 answers by
    # making one that nobody closes, and its ResourceWarning then fails whichever test runs when it is collected.
    # Once a loop (or None) was set on purpose, none is made.
    asyncio.set_event_loop(None)
