from __future__ import annotations

import asyncio
import io
import json
import logging
import socket
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import structlog

from autoscaler.cli.doctor import Asked, connected, examine, in_time, report, run
from autoscaler.cli.finding import Finding, State, bad, doubtful, good
from autoscaler.cli.verbs import CHECKS
from autoscaler.clock import SystemClock
from autoscaler.config.load import load
from autoscaler.config.settings import Settings
from autoscaler.core.compiled import COMPILED
from autoscaler.sim.world import Shape, World


def test_what_to_do_stands_below_its_line() -> None:
    findings = [good("configuration", "valid"), bad("Kafka", "silent", "check the address"), doubtful("x", "y", "z")]
    assert report(findings) == [
        "OK     configuration   valid",
        "BAD    Kafka           silent",
        "                       → check the address",
        "WARN   x               y",
        "                       → z",
        "",
        "1 to mend, 1 in doubt",
    ]


def test_where_lines_are_wider_than_the_terminal_each_finding_is_a_paragraph() -> None:
    findings = [
        good("configuration", "valid"),
        bad("Kafka", "somebody refuses us at great length", "kafka-acls.sh --add --operation Write"),
    ]
    assert report(findings, 40) == [
        "OK     configuration",
        "       valid",
        "BAD    Kafka",
        "       somebody refuses us at great",
        "         length",
        "       → kafka-acls.sh --add --operation",
        "         Write",
        "",
        "1 to mend",
    ]
    assert report(findings, 200) == report(findings), "there is room: as for a file"


def test_what_is_only_doubtful_does_not_stand_in_the_way_and_is_not_concealed() -> None:
    assert report([doubtful("x", "y", "z")])[-1] == "nothing stands in the way, 1 in doubt"
    assert report([good("x", "y")])[-1] == "nothing stands in the way"


async def test_a_credential_plugin_that_waits_for_somebody_is_not_waited_for(tmp_path: Path) -> None:
    plugin = {"apiVersion": "client.authentication.k8s.io/v1", "command": "sleep", "args": ["1000"]}
    path = _kubeconfig(tmp_path, 9, {"exec": {**plugin, "interactiveMode": "Never"}})
    finding = await connected(str(path), SystemClock(), within=0.2)
    assert isinstance(finding, Finding)
    assert (finding.state, finding.detail) == (State.BAD, "no credentials within 0.2 s")


def _kubeconfig(folder: Path, port: int, user: object) -> Path:
    """Of a server on loopback."""
    path = folder / "kubeconfig"
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "here",
        "contexts": [{"name": "here", "context": {"cluster": "here", "user": "me"}}],
        "clusters": [{"name": "here", "cluster": {"server": f"https://127.0.0.1:{port}"}}],
        "users": [{"name": "me", "user": user}],
    }
    path.write_text(json.dumps(config))
    return path


@pytest.mark.looptime
async def test_what_was_found_is_told_where_the_rest_takes_for_ever() -> None:
    async def endless() -> AsyncIterator[Finding]:
        yield good("API server", "Kubernetes v1.37.2")
        await asyncio.Event().wait()

    first, last = await in_time(endless())
    assert (first.check, last.check, last.state) == ("API server", "API server", State.BAD)
    assert "was not answered within 60 s" in last.detail


def test_a_hostile_answer_cannot_forge_a_line() -> None:
    assert report([bad("API server", "no\nOK everything", "look")])[0] == "BAD   API server   no\\nOK everything"


@pytest.fixture
def closed_port() -> Iterator[int]:
    with socket.socket() as bound:  # bound, never listening: a connection is refused
        bound.bind(("127.0.0.1", 0))
        yield bound.getsockname()[1]


async def test_everything_is_looked_at_even_when_nothing_answers(tmp_path: Path, closed_port: int) -> None:
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.write_text("apiVersion: v1\nkind: Config\n")
    settings = load(
        {
            "kubeconfig": str(kubeconfig),
            "audit-kafka-bootstrap-servers": f"127.0.0.1:{closed_port}",
            "audit-spool-dir": str(tmp_path / "spool"),
        },
        {},
    )
    findings = await examine(settings, SystemClock())
    assert [(finding.check, finding.state) for finding in findings] == [
        ("configuration", State.OK),
        ("build", State.OK if COMPILED else State.WARN),
        ("API server", State.BAD),
        ("Kafka", State.BAD),
        ("audit spool", State.OK),
    ]
    assert "nobody listens there: correct --audit-kafka-bootstrap-servers" in findings[3].todo


@pytest.mark.parametrize(
    ("flags", "state", "told"),
    [
        pytest.param({"kubelet-allow-loopback": "true"}, State.OK, "verified by its address", id="reachable"),
        pytest.param({}, State.BAD, "address_denied: ", id="loopback is not dialled by default"),
        pytest.param(
            {"kubelet-allow-loopback": "true", "kubelet-client-certificate": __file__, "kubelet-client-key": __file__},
            State.BAD,
            f"--kubelet-client-certificate {__file__}",
            id="a certificate that is none",
        ),
    ],
)
async def test_a_kubelet_is_asked_as_run_would_ask_it(
    tmp_path: Path, flags: dict[str, str], state: State, told: str
) -> None:
    async with World(SystemClock(), Shape(nodes=1)) as world:
        common = {
            "kubeconfig": str(world.kubeconfig(tmp_path / "kubeconfig")),
            "kubelet-use-node-status-port": "true",
            "kubelet-preferred-address-types": "InternalIP",
            "audit-spool-dir": str(tmp_path / "spool"),
        }
        findings = {each.check: each for each in await examine(load(common | flags, {}), SystemClock())}
    assert findings["API server"].state is State.OK
    about = findings.get("kubelet of node-1") or findings["kubelets"]
    assert about.state is state
    assert told in about.detail


async def test_an_unreadable_kafka_password_is_named(tmp_path: Path, closed_port: int) -> None:
    settings = load(
        {
            "kubeconfig": __file__,
            "audit-kafka-bootstrap-servers": f"127.0.0.1:{closed_port}",
            "audit-kafka-security-protocol": "SASL_SSL",
            "audit-kafka-username-file": str(tmp_path / "user"),
            "audit-kafka-password-file": str(tmp_path / "password"),
            "audit-spool-dir": str(tmp_path),
        },
        {},
    )
    kafka = next(each for each in await examine(settings, SystemClock()) if each.check == "Kafka")
    assert kafka.state is State.BAD
    assert str(tmp_path / "user") in kafka.detail


@pytest.fixture
def quiet() -> Iterator[None]:
    """`doctor.run` silences the log of its process: for the others it is as it was."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    structlog.reset_defaults()
    root.handlers[:] = handlers
    root.setLevel(level)


class Shown:
    """`doctor.run` with everything that a line of the command would give it."""

    def __init__(self, settings: Settings, *checks: str) -> None:
        out = io.StringIO()
        self.code = run(settings, Asked(checks), output="json", out=out)
        self.findings = [(each["check"], each["state"]) for each in json.loads(out.getvalue())]


@pytest.mark.usefixtures("quiet")
def test_what_is_asked_by_name_is_all_that_is_looked_at_and_a_doubt_is_bad_then(
    tmp_path: Path, closed_port: int
) -> None:
    kubeconfig = _kubeconfig(tmp_path, closed_port, {})
    settings = load({"kubeconfig": str(kubeconfig), "audit-spool-dir": str(tmp_path / "spool")}, {})
    kafka = Shown(settings, "kafka")
    assert (kafka.code, kafka.findings) == (0, [("Kafka", "ok")])
    doubtful_ones = Shown(settings, "policies", "lease")
    assert (doubtful_ones.code, doubtful_ones.findings) == (1, [("policies", "warn"), ("Lease", "warn")])


@pytest.mark.usefixtures("quiet")
def test_every_check_that_can_be_asked_for_is_there(tmp_path: Path) -> None:
    (tmp_path / "kubeconfig").write_text("apiVersion: v1\nkind: Config\n")
    settings = load({"kubeconfig": str(tmp_path / "kubeconfig"), "audit-spool-dir": str(tmp_path / "spool")}, {})
    shown = Shown(settings, *CHECKS)
    assert (shown.code, len(shown.findings)) == (1, len(CHECKS))
    assert ("API server", "bad") in shown.findings
