"""Who a request speaks for, whatever its headers look like: never another than its own lines spell (A07 to A10).

Header sets are sent as bytes through the HTTP parser of the server, several requests on one connection, and the
identity is compared with a second reading of the same bytes that knows nothing of the first.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence

import pytest
from aiohttp import http_exceptions
from aiohttp.base_protocol import BaseProtocol
from aiohttp.http_parser import HttpRequestParser
from hypothesis import given
from hypothesis import strategies as st

from autoscaler.api.access import Access
from autoscaler.api.frontproxy import ANONYMOUS, Peer
from autoscaler.api.status import StatusError
from autoscaler.model.identity import FrontProxyTrust, Identity
from tests.api.cluster import NOW
from tests.api.world import Reviews, Trust, trust
from tests.clock import FakeClock

pytestmark = pytest.mark.fuzz

PROXY, SOMEBODY, OVERDUE = (
    Peer("front-proxy-client", NOW + 60),
    Peer("kubelet", NOW + 60),
    Peer("front-proxy-client", NOW),
)
KUBEADM = trust()
OWN_NAMES = trust(
    allowed_names=(),
    username_headers=("X-User", "X-Remote-User"),
    group_headers=("X-Group", "X-Remote-Group"),
    extra_prefixes=("X-Remote-Extra-", "X-More-"),
    uid_headers=("X-Remote-Uid",),
)
HOLDER = Identity("holder", groups=("system:authenticated",))
REFUSED, TWO = "refused", "two of them"
Line = tuple[bytes, bytes]

WORDS = [b"X-Remote-User", b"X-Remote-Group", b"X-Remote-Extra-", b"X-Remote-Extra-scopes", b"X-Remote-Extra-a%2Fb",
         b"X-Remote-Extra-%zz", b"X-Remote-Uid", b"X-User", b"X-Group", b"X-More-k", b"Authorization",
         b"Impersonate-User", b"X-Forwarded-User", b"Content-Length", b"Transfer-Encoding", b"Connection",
         b"Upgrade"]  # fmt: skip
GOOD = [b"ann", b"bob", b"system:masters", b"system:anonymous", b"system:authenticated", b"", b"a,b", b"Bearer good",
        b"Bearer bad", b"bearer  good", b"Basic YTpi", b"Bearer good x", b"%72oot", b"=?utf-8?q?root?="]  # fmt: skip
ODD = [b" ", b"\t", b"0", b"chunked", b"close", b"\xc3\xa9", b"\xff", b"a\x00b", b"a\x01", b"a\r\nX-Remote-User: root",
       b"a\r\n folded", b"a\nX-Remote-User: root", b"a\rX-Remote-User: root"]  # fmt: skip


@st.composite
def names(draw: st.DrawFn) -> bytes:
    """A header name: one that matters, or one that only looks like it."""
    name = draw(st.sampled_from(WORDS))
    match draw(st.integers(0, 11)):
        case 0 | 1:
            return name.replace(b"-", b"_")
        case 2 | 3:
            return name.swapcase()
        case 4:
            return b"X-" + name
        case 5:
            return name + draw(st.sampled_from([b"s", b"-", b"_", b".", b"2"]))
        case 6:
            return draw(st.sampled_from([b"%b ", b"%b\t", b" %b", b"\t%b", b"%b\x00", b"%b\xc2\xa0", b"%b:"])) % name
        case 7:
            place = draw(st.integers(0, len(name)))
            return name[:place] + draw(st.binary(max_size=2)) + name[place:]
        case _:
            return name


values = st.sampled_from(GOOD) | st.sampled_from(GOOD) | st.sampled_from(ODD) | st.binary(max_size=6)
header_sets = st.lists(st.tuples(names(), values), max_size=5)


def sent(lines: Sequence[Line]) -> bytes:
    head = b"".join(b"%b: %b\r\n" % line for line in lines)
    return b"GET /apis HTTP/1.1\r\nHost: x\r\n%b\r\n" % head


@pytest.mark.parametrize("rules", [pytest.param(KUBEADM, id="as kubeadm"), pytest.param(OWN_NAMES, id="own names")])
@pytest.mark.parametrize(
    "peer",
    [
        pytest.param(PROXY, id="the proxy"),
        pytest.param(SOMEBODY, id="another certificate of its CA"),
        pytest.param(OVERDUE, id="an expired one"),
        pytest.param(None, id="no certificate"),
    ],
)
def test_no_header_set_gives_a_wrong_identity(peer: Peer | None, rules: FrontProxyTrust) -> None:
    with asyncio.Runner() as runner:

        @given(st.lists(header_sets, min_size=1, max_size=4))
        def check(requests: Sequence[Sequence[Line]]) -> None:
            heads = [sent(lines) for lines in requests]
            for read, head in zip(runner.run(spoken(heads, peer, rules)), heads, strict=False):
                assert read in (REFUSED, expected(second_reading(head), peer, rules))

        check()


async def spoken(heads: Sequence[bytes], peer: Peer | None, rules: FrontProxyTrust) -> list[Identity | str]:
    """What the server makes of the requests on one connection, up to the first that ends it."""
    reviews = Reviews(tokens={"good": Identity("holder")})
    access = Access(reviews, Trust(rules), FakeClock(NOW))
    loop = asyncio.get_running_loop()
    parser = HttpRequestParser(BaseProtocol(loop), loop, 1 << 16, max_line_size=8192, max_field_size=16384)
    found: list[Identity | str] = []
    for head in heads:
        try:
            messages, _, _ = parser.feed_data(head)
        except http_exceptions.HttpProcessingError:
            return found
        if len(messages) != 1:  # this one is the body of the one before
            return found
        try:
            found.append(await access.who(peer, list(messages[0][0].headers.items())))
        except StatusError:
            found.append(REFUSED)
    return found


def second_reading(head: bytes) -> list[Line]:
    """The header lines of a request: names as they stand, values without the white space around them."""
    lines = [line.partition(b":") for line in head.split(b"\r\n\r\n")[0].split(b"\r\n")[1:]]
    return [(name.lower(), value.strip(b" \t")) for name, _, value in lines]


def expected(lines: Sequence[Line], peer: Peer | None, rules: FrontProxyTrust) -> Identity | str:
    """Whom these lines may speak for at most."""
    if peer is not None:
        if peer is OVERDUE or (rules.allowed_names and peer.common_name not in rules.allowed_names):
            return REFUSED
        try:
            if user := first(lines, rules.username_headers):
                return asserted(user, lines, rules)
        except UnicodeDecodeError:
            return REFUSED
    tokens = [value for name, value in lines if name == b"authorization"]
    if not tokens or not re.match(rb"(?i)bearer +[^ ]", tokens[0]):
        return ANONYMOUS if len(tokens) < 2 else REFUSED
    return HOLDER if len(tokens) == 1 and tokens[0].split() == [tokens[0].split()[0], b"good"] else REFUSED


def asserted(user: str, lines: Sequence[Line], rules: FrontProxyTrust) -> Identity:
    wanted = [name.lower().encode() for name in rules.group_headers]
    groups = [value.decode() for each in wanted for name, value in lines if name == each and value]
    marked = {"system:authenticated", "system:unauthenticated"} & set(groups) or user == "system:anonymous"
    extra: dict[str, tuple[str, ...]] = {}
    for prefix in (each.lower().encode() for each in rules.extra_prefixes):
        for name, value in lines:
            if name.startswith(prefix) and name != prefix:
                key = decoded(name[len(prefix) :])
                extra[key] = (*extra.get(key, ()), value.decode())
    uid = first(lines, rules.uid_headers)
    return Identity(user, uid, tuple(groups) if marked else (*groups, "system:authenticated"), extra)


def first(lines: Sequence[Line], configured: Sequence[str]) -> str:
    """The value of the first of these headers that has one; all its lines say the same."""
    for wanted in configured:
        found = {value for name, value in lines if name == wanted.lower().encode() and value}
        if found:
            return found.pop().decode() if len(found) == 1 else TWO
    return ""


def decoded(key: bytes) -> str:
    """%-escapes resolved, when every one is well-formed."""
    if re.search(rb"%(?![0-9A-Fa-f]{2})", key):
        return key.decode()
    raw = re.sub(rb"%(..)", lambda found: bytes.fromhex(found[1].decode()), key)
    return raw.decode(errors="replace")


def test_the_second_reading_knows_a_good_request() -> None:
    data = sent([(b"X-Remote-User", b"ann"), (b"X-Remote-Group", b"dev"), (b"X-Remote-Extra-a%2Fb", b"c")])
    ann = Identity("ann", groups=("dev", "system:authenticated"), extra={"a/b": ("c",)})
    assert expected(second_reading(data), PROXY, KUBEADM) == ann
    assert asyncio.run(spoken([data, data], PROXY, KUBEADM)) == [ann, ann]
    assert asyncio.run(spoken([data], None, KUBEADM)) == [ANONYMOUS]
