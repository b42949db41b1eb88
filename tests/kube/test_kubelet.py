import asyncio
import gc
import weakref
from contextlib import suppress

import pytest
from msgspec import structs

from autoscaler.core import selectors
from autoscaler.errors import ScrapeError, ScrapeReason
from autoscaler.kube.kubelet import Answer, retry_after
from autoscaler.kube.trust import TrustFiles
from autoscaler.model.metrics import RawPage, Source
from autoscaler.model.objects import NodeAddress
from tests.kube.kubelet import GOOD, NODE, OURS, Peers, client, failure, hanging
from tests.kubelets import PAGE


async def test_a_page_comes_with_the_time_of_the_question_and_who_answered() -> None:
    peers = Peers(**{"10.0.0.1": GOOD})
    page = await client(peers).page(NODE, Source.RESOURCE)
    assert page == RawPage(PAGE, Source.RESOURCE, 1_800_000_000 * 10**9, "10.0.0.1:10250", "address")
    assert peers.paths == ["/metrics/resource"]
    assert peers.headers == [
        {"Accept": "text/plain;version=0.0.4", "Accept-Encoding": "gzip", "Authorization": "Bearer secret"}
    ]


async def test_the_summary_is_asked_for_without_what_nobody_reads() -> None:
    peers = Peers(**{"10.0.0.1": GOOD})
    await client(peers, "").page(NODE, Source.SUMMARY)
    assert peers.paths == ["/stats/summary?only_cpu_and_memory=true"]
    assert peers.headers == [{"Accept": "application/json", "Accept-Encoding": "gzip"}]


@pytest.mark.parametrize(
    "why",
    [
        ScrapeReason.CONNECT, ScrapeReason.TIMEOUT, ScrapeReason.DNS, ScrapeReason.TLS, ScrapeReason.TLS_NAME,
        ScrapeReason.TLS_EXPIRED, ScrapeReason.TLS_UNTRUSTED,
    ],
)  # fmt: skip
async def test_addresses_are_tried_in_turn_and_what_worked_is_the_first_next_time(why: ScrapeReason) -> None:
    peers = Peers(**{"10.0.0.1": why, "h": GOOD})
    asked = client(peers)
    for _ in range(2):
        assert (await asked.page(NODE, Source.RESOURCE)).address == "h:10250"
    assert peers.tried == ["10.0.0.1", "5.0.0.1", "h", "h"]


async def test_when_what_worked_works_no_more_the_others_are_tried_again() -> None:
    peers = Peers(h=GOOD)
    asked = client(peers)
    await asked.page(NODE, Source.RESOURCE)
    peers.replies = {"10.0.0.1": GOOD}
    peers.tried.clear()
    assert (await asked.page(NODE, Source.RESOURCE)).address == "10.0.0.1:10250"
    assert peers.tried == ["h", "10.0.0.1"]


async def test_what_worked_is_forgotten_with_the_address_and_with_the_node() -> None:
    peers = Peers(h=GOOD)
    asked = client(peers)
    await asked.page(NODE, Source.RESOURCE)
    relabelled = structs.replace(NODE, labels={})
    await asked.page(relabelled, Source.RESOURCE)
    assert peers.tried[3:] == ["h"]
    renamed = structs.replace(NODE, addresses=(*NODE.addresses[:2], NodeAddress("Hostname", "g")))
    await failure(asked, renamed)
    assert peers.tried[4:] == ["10.0.0.1", "5.0.0.1", "g"]
    await asked.page(NODE, Source.RESOURCE)
    peers.tried.clear()
    asked.forget(NODE.name)
    await asked.page(NODE, Source.RESOURCE)
    assert peers.tried == ["10.0.0.1", "5.0.0.1", "h"]


@pytest.mark.parametrize("status", [401, 403, 404, 302, 500, 503])
async def test_who_answers_is_the_kubelet_whatever_it_says(status: int) -> None:
    peers = Peers(**{"10.0.0.1": Answer(status), "h": GOOD})
    asked = client(peers)
    assert (await failure(asked)).address == "10.0.0.1:10250"
    assert peers.tried == ["10.0.0.1"]


async def test_when_nobody_answers_every_way_is_told() -> None:
    peers = Peers(**{"10.0.0.1": ScrapeReason.TLS_UNTRUSTED, "h": ScrapeReason.DNS})
    error = await failure(client(peers))
    assert (error.reason, error.address) == (ScrapeReason.TLS_UNTRUSTED, "10.0.0.1:10250")
    assert error.detail == "10.0.0.1:10250: 10.0.0.1 says so; 5.0.0.1:10250: 5.0.0.1 says so; h:10250: h says so"


async def test_what_failed_is_freed_when_it_was_told_and_waits_for_no_collector() -> None:
    failed: list[weakref.ref[ScrapeError]] = []

    def noted(error: ScrapeError) -> ScrapeError:
        failed.append(weakref.ref(error))
        return error

    async def refusing() -> Answer:
        raise noted(ScrapeError("n1", ScrapeReason.CONNECT, "no"))

    asked = client(Peers(**{"10.0.0.1": refusing, "5.0.0.1": refusing, "h": refusing}))
    gc.disable()
    try:
        with suppress(ScrapeError):
            await asked.page(NODE, Source.RESOURCE)
        assert [each() for each in failed] == [None] * 3
    finally:
        gc.enable()


LOOPBACK = "127.1.0.1:10250: 127.1.0.1 is a loopback address (--kubelet-allow-loopback allows them)"


@pytest.mark.parametrize(
    ("said", "reason", "address"),
    [
        pytest.param(ScrapeReason.DNS, ScrapeReason.ADDRESS_DENIED, "127.1.0.1:10250", id="no name: that is why"),
        pytest.param(ScrapeReason.CONNECT, ScrapeReason.CONNECT, "h:10250", id="an address was tried: it goes before"),
    ],
)
async def test_k27_an_address_that_is_not_dialled_is_told_when_the_next_one_fails(
    said: ScrapeReason, reason: ScrapeReason, address: str
) -> None:
    own = structs.replace(NODE, addresses=(NodeAddress("InternalIP", "127.1.0.1"), NodeAddress("Hostname", "h")))
    peers = Peers(h=said)
    error = await failure(client(peers), own)
    assert (error.reason, error.address) == (reason, address)
    assert error.detail == f"{LOOPBACK}; h:10250: h says so"
    assert peers.tried == ["h"]


@pytest.mark.looptime
async def test_k01_a_hanging_kubelet_is_a_timeout_in_every_turn_though_another_address_has_no_name() -> None:
    peers = Peers(**{"10.0.0.1": hanging, "5.0.0.1": ScrapeReason.DNS, "h": ScrapeReason.DNS})
    asked = client(peers)
    for _ in range(3):
        error = await failure(asked)
        assert (error.reason, error.address) == (ScrapeReason.TIMEOUT, "10.0.0.1:10250")


@pytest.mark.parametrize(
    ("near", "far"),
    [
        pytest.param(ScrapeReason.DNS, ScrapeReason.CONNECT, id="an address is further than a name"),
        pytest.param(ScrapeReason.CONNECT, ScrapeReason.TIMEOUT, id="silence is further than a refusal"),
        pytest.param(
            ScrapeReason.ADDRESS_DENIED, ScrapeReason.TLS, id="a bad handshake is further than what is denied"
        ),
        pytest.param(ScrapeReason.TIMEOUT, ScrapeReason.TLS_EXPIRED, id="a certificate is further than silence"),
    ],
)
async def test_the_way_that_got_furthest_names_the_reason(near: ScrapeReason, far: ScrapeReason) -> None:
    for one, other, address in ((near, far, "h:10250"), (far, near, "10.0.0.1:10250")):
        peers = Peers(**{"10.0.0.1": one, "5.0.0.1": near, "h": other})
        error = await failure(client(peers))
        assert (error.reason, error.address) == (far, address)


async def test_k10_nothing_falls_back_to_an_unverified_peer() -> None:
    peers = Peers(**dict.fromkeys(("10.0.0.1", "5.0.0.1", "h"), ScrapeReason.TLS_UNTRUSTED))
    assert (await failure(client(peers, by_name=True))).reason is ScrapeReason.TLS_UNTRUSTED
    assert peers.verified == [True, True, True]


async def test_a_certificate_with_another_name_is_verified_by_the_nodes_name_where_that_is_wanted() -> None:
    peers = Peers(**{"10.0.0.1": ScrapeReason.TLS_NAME, "10.0.0.1 as n1": GOOD})
    asked = client(peers, by_name=True)
    for _ in range(2):
        page = await asked.page(NODE, Source.RESOURCE)
        assert (page.address, page.verified) == ("10.0.0.1:10250", "node-name")
    assert peers.tried == ["10.0.0.1", "10.0.0.1 as n1", "10.0.0.1 as n1"]
    peers.replies = {"10.0.0.1": GOOD, "10.0.0.1 as n1": ScrapeReason.TLS_NAME}
    assert (await asked.page(NODE, Source.RESOURCE)).verified == "address"


async def test_by_name_is_not_tried_where_the_name_was_not_the_trouble() -> None:
    peers = Peers(**{"10.0.0.1": ScrapeReason.TLS_EXPIRED, "5.0.0.1": ScrapeReason.TLS_NAME})
    await failure(client(peers, by_name=True))
    assert peers.tried == ["10.0.0.1", "5.0.0.1", "5.0.0.1 as n1", "h"]


@pytest.mark.looptime
async def test_k03_one_deadline_holds_for_everything() -> None:
    peers = Peers(**{"10.0.0.1": hanging})
    error = await failure(client(peers, timeout=8))
    assert (error.reason, error.detail) == (ScrapeReason.TIMEOUT, "no full answer within 8 s")
    assert asyncio.get_running_loop().time() == 8


@pytest.mark.looptime
async def test_after_a_deadline_the_next_scrape_begins_with_the_next_address() -> None:
    peers = Peers(**{"10.0.0.1": hanging, "h": GOOD})
    asked = client(peers, by_name=True)
    await failure(asked)
    assert (await asked.page(NODE, Source.RESOURCE)).address == "h:10250"
    assert peers.tried == ["10.0.0.1", "5.0.0.1", "h"]


async def test_k08_a_401_has_the_token_read_again_once_and_a_403_names_the_right_that_is_missing() -> None:
    answers = [Answer(401), Answer(403)]

    async def refusing() -> Answer:
        return answers.pop(0)

    peers = Peers(**{"10.0.0.1": refusing})
    error = await failure(client(peers, "old", "new"))
    assert error.reason is ScrapeReason.FORBIDDEN
    assert "`get` on nodes/metrics" in error.detail
    assert [headers["Authorization"] for headers in peers.headers] == ["Bearer old", "Bearer new"]


async def test_k08_the_same_token_is_not_tried_twice() -> None:
    peers = Peers(**{"10.0.0.1": Answer(401)})
    assert (await failure(client(peers))).reason is ScrapeReason.UNAUTHORIZED
    assert len(peers.tried) == 1


STATUSES = {
    302: ScrapeReason.REDIRECT,
    307: ScrapeReason.REDIRECT,
    403: ScrapeReason.FORBIDDEN,
    404: ScrapeReason.NOT_FOUND,
    204: ScrapeReason.STATUS,
    500: ScrapeReason.STATUS,
}


@pytest.mark.parametrize(("status", "expected"), STATUSES.items())
async def test_every_status_has_its_reason(status: int, expected: ScrapeReason) -> None:
    assert (await failure(client(Peers(**{"10.0.0.1": Answer(status)})))).reason is expected


RETRY = {
    "seconds": ("17", 17.0),
    "an hour": ("3600", 60.0),
    "negative": ("-5", None),
    "a date": ("Wed, 21 Oct 2015 07:28:00 GMT", None),
    "junk": ("soon", None),
    "none": ("", None),
    "other digits": ("\u0661\u0662", None),
    "endless": ("9" * 5000, None),
}


@pytest.mark.parametrize(("text", "seconds"), RETRY.values(), ids=RETRY)
def test_k09_retry_after_is_read_as_seconds_up_to_a_minute(text: str, seconds: float | None) -> None:
    assert retry_after(text) == seconds


@pytest.mark.parametrize("status", [429, 503])
async def test_k09_an_overloaded_kubelet_names_the_time_to_wait(status: int) -> None:
    error = await failure(client(Peers(**{"10.0.0.1": Answer(status, b"", "3600")})))
    assert (error.reason, error.retry_after) == (ScrapeReason.STATUS, 60.0)


async def test_k27_a_node_with_a_denied_address_alone_is_not_asked_at_all() -> None:
    peers = Peers(**{"169.254.169.254": GOOD})
    cloud = structs.replace(NODE, addresses=(NodeAddress("InternalIP", "169.254.169.254"),))
    assert (await failure(client(peers), cloud)).reason is ScrapeReason.ADDRESS_DENIED
    assert peers.tried == []


async def test_an_exempt_node_is_believed_and_the_others_are_not() -> None:
    peers = Peers(**{"10.0.0.1": GOOD})
    files = TrustFiles(authority=OURS.pem.decode(), exceptions=selectors.parse("old=yes"))
    asked = client(peers, files=files)
    assert (await asked.page(NODE, Source.RESOURCE)).verified == ""
    assert (await asked.page(structs.replace(NODE, labels={}), Source.RESOURCE)).verified == "address"
    assert peers.verified == [False, True]


async def test_closing_closes_the_exchange() -> None:
    peers = Peers()
    await client(peers).close()
    assert peers.closed
