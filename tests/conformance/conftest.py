import pytest

from tests.conformance.upstream import Expectation


def left_unread(params):
    """What of the expectations among a test's parameters nobody has looked at."""
    cases = [each for each in params.values() if isinstance(each, dict)]
    expected = [each["expect"] for each in cases if isinstance(each.get("expect"), Expectation)]
    return sorted({key for each in expected for key in each.unread})


@pytest.fixture(autouse=True)
def every_expectation_is_read(request):
    """A number that upstream expects and no test compares is none that we agree with."""
    yield
    params = request.node.callspec.params if hasattr(request.node, "callspec") else {}
    if unread := left_unread(params):
        pytest.fail(f"nobody looks at what is expected: {', '.join(unread)}")
