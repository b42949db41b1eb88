from autoscaler.model.certificate import Keyring, Pair

ONE, OTHER = (Pair(certificate="c", key="k", ca=f"{name};", ends=1.0) for name in ("one", "other"))


def test_the_bundle_has_every_ca_that_something_may_be_shown_of() -> None:
    assert Keyring().bundle == ""
    assert Keyring(serving=ONE, following=OTHER, previous_ca="before;").bundle == "one;other;before;"
