import asyncio
import os

import pytest
from hypothesis import settings

from tests.e2e.tools.__main__ import main as build_tools

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


def pytest_collection_finish(session: pytest.Session) -> None:
    """What the selected tests of the real run need is built before the first of them, whose time is limited."""
    options, plugins = session.config.option, session.config.pluginmanager
    if options.collectonly or not any(item.get_closest_marker("e2e") for item in session.items):
        return
    with plugins.get_plugin("capturemanager").global_and_fixture_disabled():
        code = build_tools()
    if code:
        pytest.exit("the tools of the real run are not there; `-m 'not e2e'` leaves its tests out", returncode=code)
