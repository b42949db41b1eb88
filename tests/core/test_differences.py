from msgspec.structs import replace

from autoscaler.core.differences import Difference, differences
from autoscaler.model.decision import PolicyRef
from autoscaler.model.plan import Overridden, Selected
from tests.audit.samples import cpu_proposal, decision, stages

QUIET = cpu_proposal(usage=900, current=60, ratio=1.0, replicas=3)


def test_what_changed_is_told_once_and_in_order() -> None:
    policy = PolicyRef("HorizontalPodScaler", "shop", "web", "uid-1", 5)
    found = differences(decision(1), decision(2, policy=policy, stages=stages(QUIET)))
    assert [each.what for each in found] == [
        "policy", "cpu: asks for", "cpu: usage", "cpu: ratio", "cpu: more", "cpu: fewer",
    ]  # fmt: skip
    assert found[0] == Difference(
        "policy", "HorizontalPodScaler shop/web, generation 4", "HorizontalPodScaler shop/web, generation 5"
    )


def test_two_that_tell_the_same_have_no_difference() -> None:
    assert differences(decision(1), decision(2)) == ()


def test_what_only_one_of_them_tells() -> None:
    proposal, *others = stages()
    two = replace(decision(2), stages=(proposal, cpu_proposal(container="app", type="ContainerResource"), *others))
    found = {each.what: (each.before, each.after) for each in differences(decision(1), two)}
    assert found["cpu of container app: target"] == ("-", "60 % of requests")


def test_metrics_of_one_name_are_told_apart() -> None:
    one, *others = stages()
    before = replace(decision(1), stages=(one, one, *others))
    after = replace(decision(2), stages=(one, replace(one, target=70), *others))
    assert differences(before, after)[0] == Difference("cpu (2): target", "60 % of requests", "70 % of requests")


def test_what_an_hps_changed_is_a_difference_though_no_number_is() -> None:
    before = replace(decision(1), stages=(Overridden(cpu_initialization=60.0), *stages()))
    after = replace(decision(2), stages=(Overridden(cpu_initialization=90.0), Selected(counted=3), *stages()))
    assert [each.what for each in differences(before, after)] == ["The policy's own", "Not counted"]
