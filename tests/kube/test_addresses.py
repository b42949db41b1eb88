import socket

import pytest

from autoscaler.errors import ScrapeError, ScrapeReason
from autoscaler.kube.addresses import PATH_ANNOTATION, AddressRules, GuardedResolver
from autoscaler.model.metrics import Source
from autoscaler.model.objects import Node, NodeAddress, NodeName


def node(*addresses: tuple[str, str], port: int = 0, path: str = "") -> Node:
    return Node(
        name=NodeName("n1"),
        uid="u",
        addresses=tuple(NodeAddress(*pair) for pair in addresses),
        kubelet_port=port,
        annotations={PATH_ANNOTATION: path} if path else {},
    )


TEN = ("InternalIP", "10.0.0.7")
CHOSEN = {
    "the preferred type wins whatever the node's order": (
        node(("Hostname", "n1"), ("ExternalIP", "5.6.7.8"), TEN), AddressRules(), "https://10.0.0.7:10250/metrics/resource",
    ),
    "a missing type is passed over": (
        node(("Hostname", "n1.example")), AddressRules(), "https://n1.example:10250/metrics/resource",
    ),
    "a denied address is passed over": (
        node(("InternalIP", "169.254.1.1"), ("ExternalIP", "5.6.7.8")), AddressRules(),
        "https://5.6.7.8:10250/metrics/resource",
    ),
    "the second of a dual-stack pair is no worse than the first": (
        node(("InternalIP", "::1"), TEN), AddressRules(), "https://10.0.0.7:10250/metrics/resource",
    ),
    "IPv6 gets brackets": (
        node(("InternalIP", "fd00:0::7")), AddressRules(), "https://[fd00::7]:10250/metrics/resource",
    ),
    "the node's port is ignored unless wanted": (
        node(TEN, port=22), AddressRules(port=1), "https://10.0.0.7:1/metrics/resource",
    ),
    "the node's port when wanted": (
        node(TEN, port=10255), AddressRules(status_port=True), "https://10.0.0.7:10255/metrics/resource",
    ),
    "the default port when the node has none": (
        node(TEN), AddressRules(status_port=True), "https://10.0.0.7:10250/metrics/resource",
    ),
    "the annotation is ignored unless wanted": (
        node(TEN, path="/exec"), AddressRules(), "https://10.0.0.7:10250/metrics/resource",
    ),
    "the annotation when wanted": (
        node(TEN, path="/metrics/nodes/n1"), AddressRules(annotation_path=True), "https://10.0.0.7:10250/metrics/nodes/n1",
    ),
    "loopback when allowed": (
        node(("InternalIP", "127.1.2.3")), AddressRules(loopback=True), "https://127.1.2.3:10250/metrics/resource",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("one", "rules", "url"), CHOSEN.values(), ids=CHOSEN)
def test_url(one: Node, rules: AddressRules, url: str) -> None:
    assert rules.url(one, Source.RESOURCE) == url


def test_the_summary_has_its_own_path_whatever_the_annotation() -> None:
    url = AddressRules(annotation_path=True).url(node(TEN, path="/x"), Source.SUMMARY)
    assert url == "https://10.0.0.7:10250/stats/summary?only_cpu_and_memory=true"


API_SERVER = AddressRules(forbidden=frozenset({"10.96.0.1"}))
REFUSED = {
    "no address": (node(), AddressRules(), "no address of type InternalIP"),
    "none of the wanted types": (node(("InternalDNS", "n1")), AddressRules(), "no address of type"),
    "loopback": (node(("InternalIP", "127.0.0.1")), AddressRules(), "loopback"),
    "IPv6 loopback": (node(("InternalIP", "::1")), AddressRules(), "loopback"),
    "loopback dressed as IPv6": (node(("InternalIP", "::ffff:127.0.0.1")), AddressRules(), "loopback"),
    "the cloud's metadata": (node(("InternalIP", "169.254.169.254")), AddressRules(loopback=True), "link-local"),
    "a zone id": (node(("InternalIP", "fe80::1%eth0")), AddressRules(), "link-local"),
    "unspecified": (node(("InternalIP", "0.0.0.0")), AddressRules(loopback=True), "unspecified"),
    "this network": (node(("InternalIP", "0.0.0.1")), AddressRules(), "reserved"),
    "multicast": (node(("InternalIP", "224.0.0.1")), AddressRules(), "multicast"),
    "broadcast": (node(("InternalIP", "255.255.255.255")), AddressRules(), "reserved"),
    "the API server": (node(("InternalIP", "10.96.0.1")), API_SERVER, "not a kubelet's"),
    "a number that inet_aton would take": (node(("InternalIP", "2130706433")), AddressRules(), "neither"),
    "a short form that inet_aton would take": (node(("InternalIP", "127.1")), AddressRules(), "neither"),
    "a host with a path": (node(("Hostname", "evil/exec?")), AddressRules(), "neither"),
    "a host with credentials": (node(("Hostname", "a@b")), AddressRules(), "neither"),
    "a port out of range": (node(TEN, port=65536), AddressRules(status_port=True), "port 65536"),
    "an annotation that is no path": (node(TEN, path="/a?b=c"), AddressRules(annotation_path=True), "no plain path"),
}


@pytest.mark.parametrize(("one", "rules", "why"), REFUSED.values(), ids=REFUSED)
def test_refused(one: Node, rules: AddressRules, why: str) -> None:
    with pytest.raises(ScrapeError, match=why) as caught:
        rules.url(one, Source.RESOURCE)
    assert caught.value.reason == ScrapeReason.ADDRESS


async def test_a_name_that_resolves_to_a_denied_address_is_not_dialled() -> None:
    resolver = GuardedResolver(AddressRules())
    with pytest.raises(OSError, match="loopback"):
        await resolver.resolve("localhost", 10250, socket.AF_INET)
    await resolver.close()


async def test_a_name_that_resolves_to_an_acceptable_address_is_dialled_there() -> None:
    resolver = GuardedResolver(AddressRules(loopback=True))
    found = await resolver.resolve("localhost", 10250, socket.AF_INET)
    assert [each["host"] for each in found] == ["127.0.0.1"]
    await resolver.close()
