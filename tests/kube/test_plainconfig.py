import base64
import importlib
from pathlib import Path

import pytest

from autoscaler.kube.plainconfig import Described, of_account, of_kubeconfig
from tests.certificates import Authority

CLUSTER = Authority("cluster")
CA = base64.b64encode(CLUSTER.pem).decode()
SERVER = "server: 'https://10.0.0.1:6443/'"


def written(folder: Path, cluster: str, user: str, context: str = "{cluster: c, user: u}") -> Path:
    CLUSTER.write(folder)
    CLUSTER.issue("admin", server=False, client=True).write(folder)
    (folder / "token").write_text("from-a-file\n")
    path = folder / "config"
    path.write_text(
        f"""
current-context: here
contexts: [{{name: here, context: {context}}}, {{name: other, context: {{cluster: d, user: v}}}}]
clusters: [{{name: d, cluster: {{server: 'https://else'}}}}, {{name: c, cluster: {{{cluster}}}}}]
users: [{{name: u, user: {{{user}}}}}, {{name: v, user: {{token: other}}}}]
"""
    )
    return path


async def by_the_package(path: Path) -> tuple[object, ...]:
    configuration = importlib.import_module("kubernetes.aio.client").Configuration()
    loader = importlib.import_module("kubernetes.aio.config")
    await loader.load_kube_config(str(path), client_configuration=configuration, persist_config=False)
    ca = Path(configuration.ssl_ca_cert).read_text() if configuration.ssl_ca_cert else ""
    authorization = (configuration.api_key.get("BearerToken") or "").strip()
    files = (configuration.cert_file or "", configuration.key_file or "")
    return configuration.host, authorization, ca, *files, configuration.tls_server_name


def told(found: Described) -> tuple[object, ...]:
    files = (found.certificate_file, found.key_file)
    return found.host, found.authorization, found.ca, *files, found.server_name


@pytest.mark.parametrize(
    ("cluster", "user"),
    [
        pytest.param(f"{SERVER}, certificate-authority: cluster-ca.crt", "token: s3cret", id="files and a token"),
        pytest.param(f"{SERVER}, certificate-authority-data: {CA}", "tokenFile: token", id="data and a token's file"),
        pytest.param(f"{SERVER}, tls-server-name: api", "token: t, tokenFile: token", id="public roots, two tokens"),
        pytest.param(f"{SERVER}", "client-certificate: admin.crt, client-key: admin.key", id="a client certificate"),
        pytest.param("server: 'http://127.0.0.1:8001'", "", id="kubectl proxy"),
    ],
)
async def test_a_plain_kubeconfig_says_what_the_package_reads_in_it(tmp_path: Path, cluster: str, user: str) -> None:
    path = written(tmp_path, cluster, user)
    found = of_kubeconfig(str(path))
    assert found is not None
    assert told(found) == await by_the_package(path)
    assert found.verify
    assert "s3cret" not in repr(found)


@pytest.mark.parametrize(
    ("cluster", "user"),
    [
        pytest.param(SERVER, "exec: {command: x}", id="an exec plugin"),
        pytest.param(SERVER, "auth-provider: {name: oidc}", id="a provider"),
        pytest.param(SERVER, "username: a, password: b", id="a password"),
        pytest.param(SERVER, "client-certificate-data: aaaa", id="what has to become a file"),
        pytest.param(f"{SERVER}, insecure-skip-tls-verify: true", "token: t", id="no verification"),
        pytest.param(f"{SERVER}, proxy-url: 'http://p'", "token: t", id="a proxy"),
        pytest.param(f"{SERVER}, certificate-authority: gone.crt", "token: t", id="a CA that is not there"),
        pytest.param(f"{SERVER}, certificate-authority-data: '%'", "token: t", id="data that is none"),
        pytest.param(f"{SERVER}, certificate-authority-data: ''", "token: t", id="data that is empty"),
        pytest.param("tls-server-name: api", "token: t", id="no server"),
        pytest.param(SERVER, "token: 5", id="a token that is no text"),
    ],
)
def test_any_other_is_for_the_package(tmp_path: Path, cluster: str, user: str) -> None:
    assert of_kubeconfig(str(written(tmp_path, cluster, user))) is None


@pytest.mark.parametrize(
    "text", ["", "a: [", "[1]", "\0", "current-context: here", "current-context: x\ncontexts: []", "contexts: 5"]
)
def test_a_broken_one_too(tmp_path: Path, text: str) -> None:
    path = tmp_path / "config"
    path.write_text(text)
    assert of_kubeconfig(str(path)) is None


def test_several_files_and_two_of_a_name_too(tmp_path: Path) -> None:
    path = written(tmp_path, SERVER, "token: t")
    assert of_kubeconfig(f"{path}:{path}") is None
    assert of_kubeconfig(str(tmp_path / "gone")) is None
    path.write_text(path.read_text().replace("name: v", "name: u"))
    assert of_kubeconfig(str(path)) is None


def account(folder: Path, token: str = "t\n", ca: str = "pem") -> Path:
    (folder / "token").write_text(token)
    (folder / "ca.crt").write_text(ca)
    return folder


@pytest.mark.parametrize(("host", "url"), [("10.0.0.1", "https://10.0.0.1:443"), ("fd00::1", "https://[fd00::1]:443")])
def test_a_pods_account_is_two_files_and_two_variables(tmp_path: Path, host: str, url: str) -> None:
    environ = {"KUBERNETES_SERVICE_HOST": host, "KUBERNETES_SERVICE_PORT": "443"}
    found = of_account(environ, account(tmp_path))
    assert (found.host, found.authorization, found.ca) == (url, "Bearer t", "pem")


@pytest.mark.parametrize(
    ("environ", "token", "ca"),
    [
        pytest.param({"KUBERNETES_SERVICE_HOST": "h"}, "t", "pem", id="no port"),
        pytest.param({}, "t", "pem", id="no variables"),
        pytest.param({"KUBERNETES_SERVICE_HOST": "h", "KUBERNETES_SERVICE_PORT": "1"}, " \n", "pem", id="no token"),
        pytest.param({"KUBERNETES_SERVICE_HOST": "h", "KUBERNETES_SERVICE_PORT": "1"}, "t", "", id="no CA"),
    ],
)
def test_what_is_missing_there_is_said(tmp_path: Path, environ: dict[str, str], token: str, ca: str) -> None:
    with pytest.raises(ValueError, match=r"not set|is empty"):
        of_account(environ, account(tmp_path, token, ca))


def test_a_file_that_is_missing_too(tmp_path: Path) -> None:
    environ = {"KUBERNETES_SERVICE_HOST": "h", "KUBERNETES_SERVICE_PORT": "1"}
    with pytest.raises(OSError, match="token"):
        of_account(environ, tmp_path)
