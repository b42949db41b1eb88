import pytest

from autoscaler.config.options import OPTIONS
from autoscaler.model.compat import RELEASES, Compat

SWITCHES = {
    # switch: the releases in which it is on
    "scale_to_zero": {"1.37", "latest"},
    "configurable_tolerance": {"1.35", "1.36", "1.37", "latest"},
    "pod_level_resources": {"1.34", "1.35", "1.36", "1.37", "latest"},
    "succeeded_pods_ignored": {"latest"},
    "zero_status_average": {"latest"},
    "legacy_container_metric_error": set(),
}


@pytest.mark.parametrize(("switch", "releases"), SWITCHES.items(), ids=SWITCHES)
def test_a_switch_is_on_in_these_releases(switch: str, releases: set[str]) -> None:
    assert {name for name, compat in RELEASES.items() if getattr(compat, switch)} == releases


def test_every_switch_is_in_the_table() -> None:
    assert {*SWITCHES, "release"} == set(Compat.__struct_fields__)


def test_a_release_is_called_by_its_own_name() -> None:
    assert [compat.release for compat in RELEASES.values()] == list(RELEASES)


def test_what_can_be_chosen_is_what_there_is() -> None:
    assert OPTIONS["compat"].choices == tuple(RELEASES)
    assert RELEASES[OPTIONS["compat"].default] == Compat()
