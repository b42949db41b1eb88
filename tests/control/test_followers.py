from autoscaler.control.followers import Followers
from autoscaler.model.objects import ObjectKey, Pod


def key(name: str) -> ObjectKey:
    return ObjectKey("shop", name)


def pod(name: str) -> Pod:
    return Pod(namespace="shop", name=name, uid=name)


def test_a_pod_wakes_every_policy_that_follows_it() -> None:
    followers = Followers()
    followers.follow(key("web"), [key("a"), key("b")])
    followers.follow(key("all"), [key("b"), key("c")])
    assert followers.of([key("a")]) == {key("web")}
    assert followers.of([key("b")]) == {key("web"), key("all")}
    assert followers.of([key("nobody's")]) == set()
    assert [followers.follow_any([pod(name)]) for name in ("a", "nobody's")] == [True, False]
    assert followers.follow_any([pod("nobody's"), pod("a")])


def test_following_again_replaces_what_was_followed() -> None:
    followers = Followers()
    followers.follow(key("web"), [key("a"), key("b")])
    followers.follow(key("web"), [key("b"), key("c")])
    assert followers.of([key("a")]) == set()
    assert followers.of([key("c")]) == {key("web")}


def test_a_policy_that_follows_nothing_leaves_nothing_behind() -> None:
    followers = Followers()
    followers.follow(key("web"), [key("a")])
    followers.follow(key("web"), [])
    assert followers.of([key("a")]) == set()
    assert not followers.follow_any([pod("a")])
    assert followers.of([key("a")]) == set()
    assert followers._pods == {}
    assert followers._policies == {}


def test_policies_that_are_gone_follow_nothing() -> None:
    followers = Followers()
    for name in ("web", "api"):
        followers.follow(ObjectKey("shop", name), [ObjectKey("shop", "pod")])
    followers.forget_all_but({("HorizontalPodScaler", "shop", "api", "u")})
    assert followers.of([ObjectKey("shop", "pod")]) == {ObjectKey("shop", "api")}
