"""The whole server over TLS on loopback: who is believed (A01-A10), and how it starts and stops."""

import asyncio
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from msgspec import structs
from structlog.testing import capture_logs

from autoscaler.api.server import ApiServer, ApiSettings
from autoscaler.errors import ConfigError, UnreachableError
from autoscaler.model.identity import Identity
from autoscaler.telemetry.health import Health
from autoscaler.telemetry.series import Telemetry
from tests.api.asking import ANN, NODES, rest
from tests.api.cluster import NOW, Cluster, golden_cluster
from tests.api.world import MASTER, PROXY, PROXY_CA, Reviews, Trust, closed, serving, trust, until
from tests.certificates import Authority, Issued
from tests.clock import FakeClock, settle

STRANGER_CA = Authority("cluster")
LONG_AGO = datetime.now(UTC) - timedelta(days=30)


async def test_the_front_proxy_is_believed_and_its_user_reviewed(tmp_path: Path) -> None:
    async with serving(tmp_path) as world:
        assert (await world.ask(NODES, ANN, certificate=PROXY)).code == 200
        identity, _ = world.reviews.asked[0]
        assert identity == Identity("ann", groups=("a", "b", "system:authenticated"))


async def test_the_log_says_where_it_listens(tmp_path: Path) -> None:
    with capture_logs() as logs:
        async with serving(tmp_path):
            pass
    told = next(line for line in logs if line["event"] == "Serving the Metrics API")
    assert told["address"] == "127.0.0.1"
    assert told["port"] > 0


async def test_a01_headers_without_a_certificate_are_ignored(tmp_path: Path) -> None:
    async with serving(tmp_path, reviews=Reviews(allowed=False)) as world:
        reply = await world.ask(NODES, MASTER)
        assert (reply.code, reply.json()["reason"]) == (403, "Forbidden")
        assert 'User \\"system:anonymous\\"' in reply.body.decode()


@pytest.mark.parametrize(
    "certificate",
    [
        pytest.param(
            STRANGER_CA.issue("front-proxy-client", client=True), id="A02: of another CA, with the right name"
        ),
        pytest.param(PROXY_CA.issue("front-proxy-client", client=True, not_before=LONG_AGO, days=1), id="A04: expired"),
        pytest.param(
            PROXY_CA.issue("front-proxy-client", client=True, not_before=datetime.now(UTC) + timedelta(days=1)),
            id="A04: not yet valid",
        ),
        pytest.param(PROXY_CA.issue("front-proxy-client", server=True, client=False), id="A04: for servers only"),
    ],
)
async def test_a_wrong_certificate_ends_in_the_handshake(tmp_path: Path, certificate: Issued) -> None:
    async with serving(tmp_path) as world:
        with pytest.raises((ssl.SSLError, ConnectionError)):
            await world.ask(NODES, MASTER, certificate=certificate)
        assert world.reviews.asked == []
        assert (await world.ask("/livez")).code == 200


async def test_a03_a_name_that_is_not_allowed_is_unauthorized_until_any_is(tmp_path: Path) -> None:
    certificate = PROXY_CA.issue("somebody", client=True, server=False)
    async with serving(tmp_path) as world:
        assert (await world.ask(NODES, MASTER, certificate=certificate)).code == 401
        world.trust.value = trust(allowed_names=())
        assert (await world.ask(NODES, MASTER, certificate=certificate)).code == 200


async def test_a06_without_trust_it_is_not_ready_and_heals(tmp_path: Path) -> None:
    async with serving(tmp_path, trust=Trust(None)) as world:
        assert b"[-]front-proxy-trust failed" in (await world.ask("/readyz")).body
        assert b"not known" in (await world.ask("/readyz/front-proxy-trust")).body
        assert (await world.ask("/livez")).code == 200
        with pytest.raises((ssl.SSLError, ConnectionError)):
            await world.ask(NODES, MASTER, certificate=PROXY)
        await world.ask(NODES, MASTER)
        assert world.reviews.asked[-1][0].user == "system:anonymous"
        world.trust.value = trust()
        assert (await world.ask("/readyz")).code == 200
        assert (await world.ask(NODES, MASTER, certificate=PROXY)).code == 200


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        pytest.param([("X-Remote-User", "ann"), ("X-Remote-User", "bob")], 401, id="A07: two different users"),
        pytest.param([("X-Remote-User", "ann"), ("X-Remote-User", "ann")], 200, id="A07: the same user twice"),
        pytest.param([("X-Remote-User", "ann"), ("x-REMOTE-user", "bob")], 401, id="A07: two users in two spellings"),
        pytest.param([("X_Remote_User", "root"), ("X-Remote-User", "ann")], 200, id="A08: an underscore beside a dash"),
        pytest.param([("X-A", "b\n" + "X-Remote-User: root")], 400, id="A08: a line feed that hides a header"),
        pytest.param([("X-A", "b\r" + "X-Remote-User: root")], 400, id="A08: a carriage return that hides a header"),
        pytest.param([("X-A", "b\r\n\tX-Remote-User: root")], 400, id="A08: a header in a folded line"),
        pytest.param([("X-Remote-U\u017fer", "root")], 400, id="A08: a letter that folds to an s"),
        pytest.param([("X-Remote-User", "%72oot")], 403, id="A08: a user is not decoded"),
        pytest.param([("x_remote_user", "root")], 403, id="A08: an underscore is no dash: anonymous"),
        pytest.param([("X-Remote-User ", "root")], 400, id="A08: a space after the name"),
        pytest.param([("X-Remote-User", "a\r\n root")], 400, id="A08: a folded line"),
        pytest.param([("X-Remote-User", "a\x00b")], 400, id="A08: NUL"),
        pytest.param([("X-Remote-User", "a\x01b")], 400, id="A08: a control character"),
        pytest.param([(f"X-{n}", "v") for n in range(10_000)], 431, id="A08: 10,000 headers"),
        pytest.param([("X-Remote-User", "\udcff")], 401, id="A08: bytes that are not UTF-8"),
        pytest.param([("Impersonate-User", "root")], 403, id="A09: impersonation is ignored"),
    ],
)
async def test_a07_to_a09_odd_headers_of_the_front_proxy(
    tmp_path: Path, headers: list[tuple[str, str]], code: int
) -> None:
    class Picky(Reviews):
        async def _answer(self) -> None:
            self.allowed = self.asked[-1][0].user == "ann"

    async with serving(tmp_path, reviews=Picky()) as world:
        assert (await world.ask(NODES, headers, certificate=PROXY)).code == code
        assert {identity.user for identity, _ in world.reviews.asked} <= {"ann", "%72oot", "system:anonymous"}


async def test_a08_headers_behind_a_body_are_none(tmp_path: Path) -> None:
    async with serving(tmp_path, reviews=Reviews(allowed=False)) as world:
        trailers = "".join(f"{name}: {value}\r\n" for name, value in MASTER)
        head = f"GET {NODES} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n{trailers}\r\n"
        last = f"GET {NODES} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
        answers = await world.send((head + last).encode(), PROXY)
        assert answers.count(b" 403 Forbidden") == 2
        assert {identity.user for identity, _ in world.reviews.asked} == {"system:anonymous"}


async def test_a10_bearer_tokens(tmp_path: Path) -> None:
    async with serving(tmp_path, reviews=Reviews(tokens={"good": Identity("ann")})) as world:
        assert (await world.ask(NODES, [("Authorization", "Bearer good")])).code == 200
        assert world.reviews.asked[0][0] == Identity("ann", groups=("system:authenticated",))
        assert (await world.ask(NODES, [("Authorization", "Bearer expired")])).code == 401
        assert (await world.ask(NODES, [("Authorization", "Bearer " + "x" * (1 << 20))])).code == 431
        world.reviews.error = UnreachableError("down", status=500)
        reply = await world.ask(NODES, [("Authorization", "Bearer another")])
        assert (reply.code, reply.headers["retry-after"]) == (503, "1")


async def test_a32_each_replica_tells_of_its_own_samples_alone(tmp_path: Path) -> None:
    """One was cut off from the kubelets a minute ago: its answers are older, and say so."""
    old, fresh = golden_cluster(), golden_cluster()
    for name, found in fresh.node_usages.items():
        usage = structs.replace(found.usage, at_ns=found.usage.at_ns + 60 * 10**9)
        fresh.node_usages[name] = structs.replace(found, usage=usage)
    (tmp_path / "b").mkdir()
    async with serving(tmp_path, cluster=old) as one, serving(tmp_path / "b", cluster=fresh) as other:
        for world, time in ((one, "2026-11-23T09:54:11Z"), (other, "2026-11-23T09:55:11Z")):
            items = (await world.ask(NODES, MASTER, certificate=PROXY)).json()["items"]
            assert {item["timestamp"] for item in items} == {time}


async def test_requests_in_progress_are_finished_at_the_end(tmp_path: Path) -> None:
    gate = asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        async with serving(tmp_path, reviews=Reviews(gate=gate)) as world:
            asking = tasks.create_task(world.ask(NODES))
            idle_reader, idle_writer = await world.connect()
            await until(lambda: world.reviews.asked)
            tasks.create_task(_open_later(gate))
        assert (await asking).code == 200
        assert await rest(idle_reader) == b""
        await closed(idle_writer)
        with pytest.raises(OSError):
            await asyncio.open_connection("127.0.0.1", world.server.port)


def build(tmp_path: Path, **settings: object) -> ApiServer:
    cluster = Cluster()
    return ApiServer(
        ApiSettings(**({"cert_dir": str(tmp_path)} | settings)),
        usage=cluster,
        feed=cluster,
        inventory=cluster,
        reviews=Reviews(),
        trust=Trust(),
        health=Health(),
        telemetry=Telemetry(),
        clock=FakeClock(NOW),
    )


async def test_an_address_that_is_taken_is_a_configuration_error(tmp_path: Path) -> None:
    async with serving(tmp_path) as world:
        with pytest.raises(ConfigError, match="--secure-port"):
            await build(tmp_path, bind_address="127.0.0.1", port=world.server.port).run()


def test_without_a_certificate_and_a_folder_for_one_it_does_not_start(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="--cert-dir"):
        build(tmp_path, cert_dir="")
    with pytest.raises(ConfigError, match="--tls-cert-file"):
        build(tmp_path, tls_private_key_file="x")


async def _open_later(gate: asyncio.Event) -> None:
    await settle()
    gate.set()
