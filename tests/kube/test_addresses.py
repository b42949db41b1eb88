import asyncio
import socket

import pytest
from aiohttp.abc import AbstractResolver, ResolveResult

from autoscaler.errors import ScrapeError, ScrapeReason
from autoscaler.kube.addresses import MOST_ADDRESSES, PATH_ANNOTATION, AddressRules, GuardedResolver
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
BY_NAME = AddressRules(node_name=True)
WAYS = {
    "the preferred type is the first whatever the node's order": (
        node(("Hostname", "n1"), ("ExternalIP", "5.6.7.8"), TEN),
        AddressRules(),
        ["10.0.0.7:10250", "5.6.7.8:10250", "n1:10250"],
    ),
    "a missing type is passed over": (node(("Hostname", "n1.example")), AddressRules(), ["n1.example:10250"]),
    "a type that is not wanted is none": (node(("InternalDNS", "a"), TEN), AddressRules(), ["10.0.0.7:10250"]),
    "a denied address is passed over": (
        node(("InternalIP", "169.254.1.1"), ("ExternalIP", "5.6.7.8")), AddressRules(), ["5.6.7.8:10250"],
    ),
    "both of a dual-stack pair": (
        node(TEN, ("InternalIP", "fd00:0::7")), AddressRules(), ["10.0.0.7:10250", "[fd00::7]:10250"],
    ),
    "the second of a pair when the first is denied": (
        node(("InternalIP", "::1"), TEN), AddressRules(), ["10.0.0.7:10250"],
    ),
    "one address under two types counts once": (
        node(TEN, ("ExternalIP", "10.0.0.7")), AddressRules(), ["10.0.0.7:10250"],
    ),
    "the node's port is ignored unless wanted": (node(TEN, port=22), AddressRules(port=1), ["10.0.0.7:1"]),
    "the node's port when wanted": (node(TEN, port=10255), AddressRules(status_port=True), ["10.0.0.7:10255"]),
    "the default port when the node has none": (node(TEN), AddressRules(status_port=True), ["10.0.0.7:10250"]),
    "loopback when allowed": (node(("InternalIP", "127.1.2.3")), AddressRules(loopback=True), ["127.1.2.3:10250"]),
    "the API server's address at another port": (
        node(("InternalIP", "10.96.0.1")), AddressRules(forbidden=frozenset({("10.96.0.1", 443)})), ["10.96.0.1:10250"],
    ),
}  # fmt: skip


@pytest.mark.parametrize(("one", "rules", "ways"), WAYS.values(), ids=WAYS)
def test_k30_every_way_to_a_node_in_order_of_preference(one: Node, rules: AddressRules, ways: list[str]) -> None:
    assert [str(way) for way in rules.endpoints(one)] == ways


def test_verification_by_name_follows_verification_by_address() -> None:
    found = BY_NAME.endpoints(node(TEN, ("Hostname", "host")))
    assert [(way.host, way.server_name) for way in found] == [
        ("10.0.0.7", ""), ("10.0.0.7", "n1"), ("host", ""), ("host", "n1"),
    ]  # fmt: skip


def test_a_node_cannot_have_us_dial_for_ever() -> None:
    many = node(*(("InternalIP", f"10.0.0.{number}") for number in range(200)))
    assert len(AddressRules().endpoints(many)) == MOST_ADDRESSES


PATHS = {
    "the annotation is ignored unless wanted": (AddressRules(), Source.RESOURCE, "/exec", "/metrics/resource"),
    "the annotation when wanted": (
        AddressRules(annotation_path=True), Source.RESOURCE, "/metrics/nodes/n1", "/metrics/nodes/n1",
    ),
    "the summary has its own path whatever the annotation": (
        AddressRules(annotation_path=True), Source.SUMMARY, "/x", "/stats/summary?only_cpu_and_memory=true",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("rules", "source", "annotation", "path"), PATHS.values(), ids=PATHS)
def test_k28_a_nodes_annotation_does_not_choose_the_path(
    rules: AddressRules, source: Source, annotation: str, path: str
) -> None:
    assert rules.path(node(TEN, path=annotation), source) == path


@pytest.mark.parametrize("annotation", ["/a?b=c", "exec", "/a b", "//\x00", "/%2e%2e"])
def test_k28_an_annotation_that_is_no_plain_path_is_refused(annotation: str) -> None:
    with pytest.raises(ScrapeError, match="no plain path") as caught:
        AddressRules(annotation_path=True).path(node(TEN, path=annotation), Source.RESOURCE)
    assert caught.value.reason is ScrapeReason.ADDRESS_DENIED


@pytest.mark.parametrize("port", [-1, 65536, 10**9])
def test_k28_a_port_out_of_range_is_not_dialled(port: int) -> None:
    with pytest.raises(ScrapeError, match=f"port {port}") as caught:
        AddressRules(status_port=True).endpoints(node(TEN, port=port))
    assert caught.value.reason is ScrapeReason.NO_ADDRESS


API_SERVER = AddressRules(forbidden=frozenset({("10.96.0.1", 10250)}))
DENIED = {
    "loopback": (node(("InternalIP", "127.0.0.1")), AddressRules(), "loopback"),
    "IPv6 loopback": (node(("InternalIP", "::1")), AddressRules(), "loopback"),
    "loopback dressed as IPv6": (node(("InternalIP", "::ffff:127.0.0.1")), AddressRules(), "loopback"),
    "the cloud's metadata": (node(("InternalIP", "169.254.169.254")), AddressRules(loopback=True), "link-local"),
    "a zone id": (node(("InternalIP", "fe80::1%eth0")), AddressRules(), "link-local"),
    "unspecified": (node(("InternalIP", "0.0.0.0")), AddressRules(loopback=True), "unspecified"),
    "IPv6 unspecified": (node(("InternalIP", "::")), AddressRules(loopback=True), "unspecified"),
    "this network": (node(("InternalIP", "0.0.0.1")), AddressRules(), "reserved"),
    "multicast": (node(("InternalIP", "224.0.0.1")), AddressRules(), "multicast"),
    "broadcast": (node(("InternalIP", "255.255.255.255")), AddressRules(), "reserved"),
    "the API server": (node(("InternalIP", "10.96.0.1")), API_SERVER, "API server"),
    "one denied, the other none": (node(("Hostname", "a b"), ("InternalIP", "::1")), AddressRules(), "loopback"),
}


@pytest.mark.parametrize(("one", "rules", "why"), DENIED.values(), ids=DENIED)
def test_k27_an_address_that_is_no_kubelets_is_not_dialled(one: Node, rules: AddressRules, why: str) -> None:
    with pytest.raises(ScrapeError, match=why) as caught:
        rules.endpoints(one)
    assert caught.value.reason is ScrapeReason.ADDRESS_DENIED


def test_what_is_not_dialled_is_named_beside_what_is() -> None:
    denied = AddressRules().denied(node(("InternalIP", "::1"), TEN, ("Hostname", "a b")))
    assert [(each.address, each.reason) for each in denied] == [
        ("[::1]:10250", ScrapeReason.ADDRESS_DENIED), ("a b", ScrapeReason.NO_ADDRESS),
    ]  # fmt: skip


NONE = {
    "no address": (node(), "no address of type InternalIP"),
    "none of the wanted types": (node(("InternalDNS", "n1")), "no address of type"),
    "a number that inet_aton would take": (node(("InternalIP", "2130706433")), "neither"),
    "a short form that inet_aton would take": (node(("InternalIP", "127.1")), "neither"),
    "a host with a path": (node(("Hostname", "evil/exec?")), "neither"),
    "a host with credentials": (node(("Hostname", "a@b")), "neither"),
}


@pytest.mark.parametrize(("one", "why"), NONE.values(), ids=NONE)
def test_k30_without_an_address_there_is_a_reason(one: Node, why: str) -> None:
    with pytest.raises(ScrapeError, match=why) as caught:
        AddressRules().endpoints(one)
    assert caught.value.reason is ScrapeReason.NO_ADDRESS


class Flipping(AbstractResolver):
    """Names another address at every question."""

    def __init__(self, *addresses: str) -> None:
        self.left = list(addresses)

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        address = self.left.pop(0)
        return [ResolveResult(hostname=host, host=address, port=port, family=family, proto=0, flags=0)]

    async def close(self) -> None:
        pass


async def test_k29_what_is_dialled_is_what_was_checked() -> None:
    """The dialler gets the checked IP, not the name: what DNS says a moment later does not matter."""
    resolver = GuardedResolver(AddressRules(), Flipping("10.0.0.7", "169.254.169.254"))
    assert [each["host"] for each in await resolver.resolve("n1", 10250)] == ["10.0.0.7"]
    with pytest.raises(OSError, match="link-local"):
        await resolver.resolve("n1", 10250)


class Silent(Flipping):
    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        await asyncio.Event().wait()
        raise AssertionError("unreachable")


@pytest.mark.looptime
async def test_a_dns_that_is_silent_costs_two_seconds() -> None:
    with pytest.raises(OSError, match="no answer from DNS"):
        await GuardedResolver(AddressRules(), Silent()).resolve("n1", 10250)
    assert asyncio.get_running_loop().time() == 2


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
