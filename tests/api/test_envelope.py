import pytest

from autoscaler.api.envelope import Bookmark, ListMeta


@pytest.mark.parametrize(
    ("meta", "expected"),
    [
        pytest.param(ListMeta(), {}, id="a list without snapshot is upstream's"),
        pytest.param(ListMeta("7"), {"resourceVersion": "7"}, id="the last page"),
        pytest.param(
            ListMeta("7", "token", 3),
            {"resourceVersion": "7", "continue": "token", "remainingItemCount": 3},
            id="a page",
        ),
        pytest.param(ListMeta("7", "token"), {"resourceVersion": "7", "continue": "token"}, id="a page of a selection"),
    ],
)
def test_list_metadata(meta: ListMeta, expected: dict[str, object]) -> None:
    assert meta.fields() == expected


def test_only_the_bookmark_after_the_initial_state_says_so() -> None:
    assert Bookmark("9").fields() == {"resourceVersion": "9"}
    assert Bookmark("9", initial=True).fields() == {
        "resourceVersion": "9",
        "annotations": {"k8s.io/initial-events-end": "true"},
    }
