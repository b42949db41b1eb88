from autoscaler.api.envelope import ListMeta
from autoscaler.api.forms import list_metadata


def test_a_list_of_no_snapshot_says_nothing_about_itself() -> None:
    assert list_metadata(ListMeta()) == {}
