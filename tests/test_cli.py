"""The command as a whole: what it prints where, and how it ends. Verbs have their own tests in tests/cli/."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import pytest

from autoscaler import __version__
from autoscaler.cli import BROKEN_PIPE, main
from autoscaler.core.compiled import COMPILED
from tests.certificates import Authority


def process(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "autoscaler", *words], capture_output=True, text=True, check=False)


def test_the_version_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    told = "compiled" if COMPILED else "not compiled"
    assert capsys.readouterr().out == f"hpa-companion {__version__} ({told})\n"


@pytest.mark.parametrize("word", ["--help", "-h", "help"])
def test_help_is_no_failure_and_goes_to_stdout(word: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([word]) == 0
    assert "first steps:" in capsys.readouterr().out


def test_no_verb_is_a_mistake_that_gets_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "first steps:" in captured.err


def test_help_of_a_verb_needs_no_arguments(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "--help"]) == 0
    assert "NAMESPACE/NAME" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "told"),
    [
        pytest.param(["exlpain"], "did you mean explain?", id="a mistyped verb"),
        pytest.param(["run", "--log-formt=json"], "unknown flag --log-formt; did you mean --log-format?", id="a flag"),
        pytest.param(["run", "--log-format=xml"], "--log-format: 'xml' is none of text, json", id="a value"),
        pytest.param(["run", "--config=/none.yaml"], "cannot read /none.yaml", id="a file that is not there"),
        pytest.param(["top", "nodes", "--containers"], "--containers is for pods only", id="containers of nodes"),
        pytest.param(["top", "node", "-n", "shop"], "-n is for pods only", id="a namespace of nodes"),
        pytest.param(["top", "pods", "web", "-A"], "name it with -n", id="one pod of all namespaces"),
        pytest.param(
            ["why", "shop/Deployment/web"],
            "'shop/Deployment/web' is neither NAME nor NAMESPACE/NAME: ask `why web -n shop`",
            id="a path for a name",
        ),
        pytest.param(["why", "shop/"], "ask `why NAME -n shop`", id="a namespace for a name"),
        pytest.param(
            ["why", "shop/web", "-n", "team"],
            "'shop/web' is in namespace shop, and -n says team: leave one of the two out",
            id="two namespaces",
        ),
        pytest.param(
            ["plan", "--bundle", "-", "--fast"], "unknown flag --fast", id="a flag of a verb without settings"
        ),
    ],
)
def test_what_must_be_corrected_is_one_message_and_exit_code_2(
    words: Sequence[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("autoscaler: ")
    assert told in captured.err


@pytest.mark.parametrize("words", [["shop/web"], ["shop/web", "-n", "shop"], ["web", "-n", "shop"]])
def test_why_takes_a_namespace_in_either_place(
    words: Sequence[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    nothing = tmp_path / "none.jsonl"
    nothing.touch()
    assert main(["why", *words, "--from", str(nothing)]) == 1
    assert "no decision about shop/web in" in capsys.readouterr().err


def test_an_unknown_variable_stops_every_verb_that_has_settings(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AUTOSCALER_SYNC_PEROID", "15s")
    assert main(["config", "print"]) == 2
    assert "did you mean AUTOSCALER_SYNC_PERIOD?" in capsys.readouterr().err


def test_help_imports_no_library_that_a_verb_runs_on() -> None:
    code = (
        "import sys; from autoscaler.cli import main; main(['--help']); main(['run', '--help']); "
        "print(sorted({'aiohttp', 'msgspec', 'yaml', 'kubernetes', 'structlog', 'aiokafka'} & set(sys.modules)))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.splitlines()[-1] == "[]"


def test_explain_imports_nothing_that_only_a_running_program_needs(tmp_path: Path) -> None:
    code = (
        "import sys; from autoscaler.cli import main; "
        f"main(['explain', 'shop/web', '--audit-spool-dir={tmp_path}']); "
        "heavy = {'aiohttp', 'kubernetes', 'aiokafka', 'structlog', 'prometheus_client', 'uvloop', 'rich', 'yaml'}; "
        "heavy |= {'asyncio', 'ssl', 'concurrent.futures'}; "
        "print(sorted(heavy & set(sys.modules)), 'autoscaler.cli.explain' in sys.modules)"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.splitlines()[-1] == "[] True"


def test_a_running_program_has_neither_kafkas_client_nor_generated_models_in_memory(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("t")
    (tmp_path / "ca.crt").write_bytes(Authority("cluster").pem)
    code = (
        "import asyncio, sys; import autoscaler.app; from autoscaler.kube.connection import ServiceAccountSource; "
        "environ = {'KUBERNETES_SERVICE_HOST': 'h', 'KUBERNETES_SERVICE_PORT': '1'}; "
        f"asyncio.run(ServiceAccountSource(environ, {str(tmp_path)!r}).read()); "
        "print(sorted({'kubernetes', 'aiokafka'} & set(sys.modules)))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.splitlines()[-1] == "[]"


def test_a_reader_that_leaves_early_causes_no_noise() -> None:
    writer = subprocess.Popen(
        [sys.executable, "-m", "autoscaler", "config", "print"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert writer.stdout is not None
    assert writer.stderr is not None
    writer.stdout.close()
    assert writer.stderr.read() == b""
    writer.stderr.close()
    assert writer.wait(30) == BROKEN_PIPE


class Proxy(BaseHTTPRequestHandler):
    """What `kubectl proxy` would answer: a cluster with one node's metrics, or a refusal."""

    bodies: ClassVar = {
        "/apis/metrics.k8s.io/v1beta1/nodes": {
            "items": [{"metadata": {"name": "n1"}, "timestamp": "2026-11-23T09:54:21Z", "window": "15s",
                       "usage": {"cpu": "250m", "memory": "1Gi"}}]
        },
        "/api/v1/nodes": {"items": []},
    }  # fmt: skip

    def do_GET(self) -> None:
        found = self.bodies.get(self.path.partition("?")[0])
        body = json.dumps(found or {"kind": "Status", "message": "no such thing", "code": 404}).encode()
        self.send_response(200 if found else 404)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name of the base class
        """Say nothing."""


@pytest.fixture
def kubeconfig(tmp_path: Path) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Proxy)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    path = tmp_path / "kubeconfig"
    path.write_text(
        json.dumps(
            {
                "apiVersion": "v1",
                "kind": "Config",
                "current-context": "it",
                "clusters": [{"name": "it", "cluster": {"server": f"http://127.0.0.1:{server.server_port}"}}],
                "contexts": [{"name": "it", "context": {"cluster": "it", "user": ""}}],
                "users": [],
            }
        )
    )
    yield str(path)
    server.shutdown()
    thread.join()
    server.server_close()


def test_an_address_that_is_taken_is_one_message_and_exit_code_2(kubeconfig: str, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        found = process(
            "run", "--kubeconfig", kubeconfig, "--kubelet-insecure-tls",
            "--bind-address", "127.0.0.1", "--secure-port", port,
            "--cert-dir", str(tmp_path / "certificates"), "--audit-spool-dir", str(tmp_path / "spool"),
        )  # fmt: skip
    assert found.returncode == 2, found.stderr
    assert found.stderr.splitlines()[-1].startswith(
        f"autoscaler: --bind-address 127.0.0.1 --secure-port {port}: Address already in use"
    )
    assert "Traceback" not in found.stderr


def test_top_asks_the_cluster_of_the_kubeconfig(kubeconfig: str) -> None:
    found = process("top", "nodes", "--kubeconfig", kubeconfig)
    assert (found.returncode, found.stderr) == (0, "")
    assert found.stdout.splitlines()[1].split()[:4] == ["n1", "250m", "-", "1024Mi"]


def test_what_the_cluster_refuses_is_one_message_and_exit_code_1(kubeconfig: str) -> None:
    found = process("top", "pods", "--kubeconfig", kubeconfig)
    assert (found.returncode, found.stdout) == (1, "")
    assert found.stderr.count("\n") == 1
    assert "run `autoscaler doctor`" in found.stderr


def test_the_doctor_reports_and_says_whether_all_is_well(kubeconfig: str, tmp_path: Path) -> None:
    found = process("doctor", "-o", "json", "--kubeconfig", kubeconfig, "--audit-spool-dir", str(tmp_path / "spool"))
    findings = {each["check"]: each for each in json.loads(found.stdout)}
    assert (found.returncode, found.stderr) == (1, "")
    assert findings["configuration"]["state"] == "ok"
    assert findings["API server"]["state"] == "bad"
    assert all(each["todo"] for each in findings.values() if each["state"] == "bad")
