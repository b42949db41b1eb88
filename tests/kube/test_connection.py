from __future__ import annotations

import asyncio
import json
import ssl
import stat
from pathlib import Path

import pytest

from autoscaler.errors import ConfigError
from autoscaler.kube.connection import (
    RENEW_SECONDS,
    Connection,
    Connections,
    KubeconfigSource,
    ServiceAccountSource,
    connect,
    kubeconfig_path,
)
from tests.certificates import Authority
from tests.clock import FakeClock

CLUSTER = Authority("cluster")


def kubeconfig(folder: Path, user: str, cluster: str = "server: https://10.0.0.1:6443") -> Path:
    CLUSTER.write(folder)
    path = folder / "config"
    path.write_text(
        f"""
apiVersion: v1
kind: Config
current-context: here
contexts: [{{name: here, context: {{cluster: c, user: u}}}}]
clusters: [{{name: c, cluster: {{{cluster}, certificate-authority: cluster-ca.crt}}}}]
users: [{{name: u, user: {{{user}}}}}]
"""
    )
    return path


async def read(path: Path) -> Connection:
    return await KubeconfigSource(str(path)).read()


async def test_a_kubeconfig_gives_host_credential_and_a_context_that_verifies(tmp_path: Path) -> None:
    found = await read(
        kubeconfig(tmp_path, "token: secret-1", "server: 'https://10.0.0.1:6443/', tls-server-name: api")
    )
    assert (found.host, found.authorization, found.server_name) == ("https://10.0.0.1:6443", "Bearer secret-1", "api")
    assert found.ca_pem.encode() == CLUSTER.pem
    assert found.tls is not None
    assert (found.tls.verify_mode, found.tls.check_hostname) == (ssl.CERT_REQUIRED, True)
    assert not found.tls.verify_flags & ssl.VERIFY_X509_STRICT
    assert "secret-1" not in repr(found)


async def test_a_client_certificate_is_loaded(tmp_path: Path) -> None:
    CLUSTER.issue("admin", server=False, client=True).write(tmp_path)
    found = await read(kubeconfig(tmp_path, "client-certificate: admin.crt, client-key: admin.key"))
    assert (found.authorization, found.material.certificate_file) == ("", str(tmp_path / "admin.crt"))
    assert "PRIVATE" not in repr(found)


async def test_plain_http_gets_no_credential(tmp_path: Path) -> None:
    found = await read(kubeconfig(tmp_path, "token: secret", "server: 'http://127.0.0.1:8001'"))
    assert (found.tls, found.authorization) == (None, "")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "empty or no kubeconfig"),
        ("just words", "empty or no kubeconfig"),
        ("a: [", "kubectl config view"),
        ("[1, 2]", "empty or no kubeconfig; check it with: kubectl config view"),
        ("current-context: gone\ncontexts: []\nclusters: []", "gone"),
        ("\0", "kubectl config view"),
    ],
    ids=["empty", "a text", "no YAML", "a list", "an unknown context", "bytes"],
)
async def test_a_broken_kubeconfig_names_the_file_and_what_to_do(tmp_path: Path, text: str, told: str) -> None:
    path = tmp_path / "config"
    path.write_text(text)
    with pytest.raises(ConfigError, match=told) as caught:
        await read(path)
    assert str(path) in str(caught.value)


async def test_a_verification_that_is_switched_off_is_refused(tmp_path: Path) -> None:
    path = kubeconfig(tmp_path, "token: t", "server: 'https://10.0.0.1', insecure-skip-tls-verify: true")
    with pytest.raises(ConfigError, match="insecure-skip-tls-verify"):
        await read(path)


@pytest.mark.parametrize("pem", ["", "no PEM", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"])
async def test_a_broken_certificate_names_the_file(tmp_path: Path, pem: str) -> None:
    (tmp_path / "admin.crt").write_text(pem)
    (tmp_path / "admin.key").write_text(pem)
    path = kubeconfig(tmp_path, "client-certificate: admin.crt, client-key: admin.key")
    with pytest.raises(ConfigError, match=r"certificates: .*check the CA, client certificate and key"):
        await read(path)


def plugin(folder: Path, expires: str) -> Path:
    """An exec plugin that numbers its tokens."""
    path = folder / "plugin"
    status = f'{{"token": "t\'$n\'", "expirationTimestamp": "{expires}"}}'
    credential = f'"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", "status": {status}'
    path.write_text(f"#!/bin/sh\necho >> {folder}/runs\nn=$(wc -l < {folder}/runs)\necho '{{{credential}}}'\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return kubeconfig(
        folder, f"exec: {{apiVersion: client.authentication.k8s.io/v1, command: {path}, interactiveMode: Never}}"
    )


async def test_an_exec_plugin_is_asked_again_when_refused_but_not_before_it_expires(tmp_path: Path) -> None:
    clock = FakeClock()
    found = await connect(str(plugin(tmp_path, "2099-01-01T00:00:00Z")), clock)
    assert await found.token() == "t1"
    await clock.advance(61)
    assert await found.token() == "t1"
    renewed = await found.renew(await found.current())
    assert renewed.authorization == "Bearer t2"


@pytest.mark.parametrize("program", ["/no/such/plugin", "/bin/false"])
async def test_an_exec_plugin_that_gives_nothing_is_named(tmp_path: Path, program: str) -> None:
    named = f"{{apiVersion: client.authentication.k8s.io/v1, command: {program}, args: [get-token, a], "
    path = kubeconfig(tmp_path, f"exec: {named}interactiveMode: Never}}")
    with pytest.raises(ConfigError, match=f"its credential plugin gives no credentials.*: {program} get-token a"):
        await read(path)


def account(folder: Path, token: str = "sa-1") -> ServiceAccountSource:
    (folder / "token").write_text(f"{token}\n")
    (folder / "ca.crt").write_bytes(CLUSTER.pem)
    environ = {"KUBERNETES_SERVICE_HOST": "10.0.0.1", "KUBERNETES_SERVICE_PORT": "443"}
    return ServiceAccountSource(environ, str(folder))


async def test_s06_a_pods_account_is_read_again_every_minute_and_at_once_when_refused(tmp_path: Path) -> None:
    clock, source = FakeClock(), account(tmp_path)
    connections = Connections(await source.read(), source, clock)
    first = await connections.current()
    assert (first.host, await connections.token()) == ("https://10.0.0.1:443", "sa-1")
    account(tmp_path, "sa-2")
    assert await connections.token() == "sa-1"
    await clock.advance(60)
    assert await connections.token() == "sa-2"
    account(tmp_path, "sa-3")
    second = await connections.current()
    assert (await connections.renew(second)).authorization.endswith("sa-3")
    account(tmp_path, "sa-4")
    assert (await connections.renew(second)).authorization.endswith("sa-3"), "somebody else renewed it already"
    assert second.tls is first.tls, "connections stay open while CA and certificate are the same"


class Counting:
    """A source of the same token that knows how often it was read."""

    def __init__(self) -> None:
        self.reads = 0

    async def read(self, *, refused: bool = False) -> Connection:
        self.reads += 1
        await asyncio.sleep(0)
        return Connection("https://x", authorization="Bearer same")


async def test_k08_a_token_that_a_kubelet_refused_is_read_again_at_once(tmp_path: Path) -> None:
    clock, source = FakeClock(), account(tmp_path)
    connections = Connections(await source.read(), source, clock)
    await clock.advance(RENEW_SECONDS)
    account(tmp_path, "sa-2")
    assert await connections.token("of another") == "sa-1"
    assert await connections.token("sa-1") == "sa-2"


async def test_k08_kubelets_that_all_refuse_the_same_token_have_it_read_once() -> None:
    clock, source = FakeClock(), Counting()
    connections = Connections(await source.read(), source, clock)
    await clock.advance(RENEW_SECONDS)
    assert set(await asyncio.gather(*(connections.token("same") for _ in range(100)))) == {"same"}
    assert source.reads == 2


async def test_s22_a_new_ca_makes_a_new_context(tmp_path: Path) -> None:
    clock, source = FakeClock(), account(tmp_path)
    connections = Connections(await source.read(), source, clock)
    first = await connections.current()
    (tmp_path / "ca.crt").write_bytes(Authority("next").pem)
    await clock.advance(60)
    assert (await connections.current()).tls is not first.tls


async def test_the_same_files_are_the_same_connection(tmp_path: Path) -> None:
    source = account(tmp_path)
    connections = Connections(await source.read(), source, FakeClock())
    first = await connections.current()
    assert await connections.renew(first) is first


async def test_files_that_vanish_keep_the_last_good_credentials(tmp_path: Path) -> None:
    clock, source = FakeClock(), account(tmp_path)
    connections = Connections(await source.read(), source, clock)
    (tmp_path / "token").unlink()
    for _ in range(2):
        await clock.advance(60)
        assert await connections.token() == "sa-1"
    account(tmp_path, "sa-2")
    await clock.advance(60)
    assert await connections.token() == "sa-2"


async def test_a_pod_without_a_token_says_what_to_give_it(tmp_path: Path) -> None:
    source = account(tmp_path)
    (tmp_path / "token").unlink()
    with pytest.raises(ConfigError, match="automountServiceAccountToken"):
        await source.read()


async def test_a_client_certificate_is_no_token() -> None:
    class Never:
        async def read(self, *, refused: bool = False) -> Connection:
            raise AssertionError(refused)

    assert await Connections(Connection("https://x"), Never(), FakeClock()).token() == ""


@pytest.mark.parametrize("source", ["flag", "variable", "home", "pod"])
def test_the_first_kubeconfig_that_is_named_wins(tmp_path: Path, source: str) -> None:
    home = tmp_path / ".kube" / "config"
    home.parent.mkdir()
    home.touch()
    flagged, listed = tmp_path / "flag", tmp_path / "listed"
    flagged.touch()
    listed.touch()
    environ = {"KUBECONFIG": f"/nowhere:{listed}", "HOME": str(tmp_path), "KUBERNETES_SERVICE_HOST": "10.0.0.1"}
    if source == "flag":
        assert kubeconfig_path(str(flagged), environ) == str(flagged)
        return
    if source == "variable":
        assert kubeconfig_path("", environ) == f"/nowhere:{listed}"
        return
    del environ["KUBECONFIG"]
    if source == "home":
        assert kubeconfig_path("", environ) == str(home)
        return
    home.unlink()
    assert kubeconfig_path("", environ) == ""


@pytest.mark.parametrize(
    ("flag", "environ", "text"),
    [
        ("/nowhere/config", {}, "--kubeconfig /nowhere/config: no such file"),
        ("/", {}, "--kubeconfig /: is a directory"),
        ("", {"KUBECONFIG": "/nowhere:/neither"}, "KUBECONFIG=/nowhere:/neither: no such file"),
        ("", {"HOME": "/nowhere"}, "pass --kubeconfig FILE"),
    ],
    ids=["the flag's file", "the flag's folder", "the variable's files", "nothing at all"],
)
def test_no_way_to_the_api_server_says_what_to_do(flag: str, environ: dict[str, str], text: str) -> None:
    with pytest.raises(ConfigError, match=text):
        kubeconfig_path(flag, environ)


async def test_merged_kubeconfigs_find_files_beside_themselves(tmp_path: Path) -> None:
    path = kubeconfig(tmp_path, "token: merged")
    other = tmp_path / "other"
    other.write_text(json.dumps({"apiVersion": "v1", "kind": "Config"}))
    found = await connect("", FakeClock(), {"KUBECONFIG": f"{path}:{other}"})
    assert await found.token() == "merged"
