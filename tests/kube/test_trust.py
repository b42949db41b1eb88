import os
import ssl
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from autoscaler.core import selectors
from autoscaler.errors import ConfigError
from autoscaler.kube.trust import MOST_FILES, KubeletTrust, TrustFiles, kubelet_context
from autoscaler.model.objects import Node, NodeName
from tests.certificates import Authority
from tests.clock import FakeClock

OURS = Authority("cluster")
NODE = Node(name=NodeName("n1"), uid="u1")


def authorities(context: ssl.SSLContext) -> list[str]:
    return [pairs[0][1] for ca in context.get_ca_certs() for pairs in ca["subject"]]  # type: ignore[misc, union-attr]  # typeshed is vague


def test_s19_peers_are_verified_by_name_and_chain_but_not_by_the_strict_rules_that_real_clusters_break() -> None:
    context = kubelet_context(TrustFiles(authority=OURS.pem.decode()), verify=True)
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)
    assert not context.verify_flags & ssl.VERIFY_X509_STRICT
    assert authorities(context) == ["cluster"]


def test_the_file_goes_before_the_clusters_own_authority(tmp_path: Path) -> None:
    path = Authority("kubelets").write(tmp_path)
    context = kubelet_context(TrustFiles(authority=OURS.pem.decode(), authority_file=str(path)), verify=True)
    assert authorities(context) == ["kubelets"]


BROKEN = {
    "nothing": "",
    "no PEM": "hello",
    "a broken certificate": "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
    "not ASCII": "\u00fc",
}


@pytest.mark.parametrize("text", BROKEN.values(), ids=BROKEN)
def test_without_an_authority_there_is_no_context(tmp_path: Path, text: str) -> None:
    path = tmp_path / "ca.crt"
    path.write_text(text)
    for files in (TrustFiles(authority=text), TrustFiles(authority_file=str(path))):
        with pytest.raises(ConfigError, match="kubelet-certificate-authority"):
            kubelet_context(files, verify=True)


def test_a_comment_in_any_language_does_no_harm() -> None:
    assert kubelet_context(TrustFiles(authority="# Zürich\n" + OURS.pem.decode()), verify=True).get_ca_certs()


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"gone\.crt"):
        kubelet_context(TrustFiles(authority_file=str(tmp_path / "gone.crt")), verify=True)
    with pytest.raises(ConfigError, match="kubelet-client-certificate"):
        kubelet_context(
            TrustFiles(authority=OURS.pem.decode(), certificate_file="gone.crt", key_file="gone.key"), verify=True
        )


async def test_k11_a_changed_file_makes_a_new_context_and_a_broken_one_does_not(tmp_path: Path) -> None:
    path, clock = OURS.write(tmp_path), FakeClock()
    trust = KubeletTrust(TrustFiles(authority_file=str(path)), clock)
    first = trust.context(NODE)
    await clock.advance(31)
    assert trust.context(NODE) is first
    path.write_bytes(Authority("next").pem)
    assert trust.context(NODE) is first  # not looked at yet
    await clock.advance(31)
    second = trust.context(NODE)
    assert second is not first
    path.write_text("half a fi")
    await clock.advance(31)
    with capture_logs() as logs:
        assert trust.context(NODE) is second
    assert [entry["log_level"] for entry in logs] == ["warning"]


def folder(path: Path, *names: str) -> Path:
    path.mkdir(exist_ok=True)
    for name in names:
        (path / f"{name}.crt").write_bytes(Authority(name).pem)
    return path


def test_a_folder_is_the_sum_of_its_certificates(tmp_path: Path) -> None:
    cas = folder(tmp_path / "cas", "one", "two")
    (cas / "three.pem").write_bytes(Authority("three").pem)
    (cas / "README").write_text("not a certificate")
    (cas / ".old.crt").write_bytes(Authority("old").pem)
    context = kubelet_context(TrustFiles(authority=OURS.pem.decode(), authority_file=str(cas)), verify=True)
    assert sorted(authorities(context)) == ["one", "three", "two"]


def test_an_empty_folder_and_a_broken_file_in_it_are_named(tmp_path: Path) -> None:
    cas = folder(tmp_path / "cas")
    with pytest.raises(ConfigError, match="cas has no file"):
        kubelet_context(TrustFiles(authority_file=str(cas)), verify=True)
    (cas / "half.crt").write_text("half a fi")
    with pytest.raises(ConfigError, match=r"half\.crt is no PEM bundle"):
        kubelet_context(TrustFiles(authority_file=str(cas)), verify=True)


def test_a_folder_of_many_files_is_read_up_to_a_limit(tmp_path: Path) -> None:
    cas = folder(tmp_path / "cas")
    for number in range(MOST_FILES + 5):
        (cas / f"{number}.crt").touch()
    assert len(TrustFiles(authority_file=str(cas)).authorities()) == MOST_FILES


async def test_k11_a_folder_is_read_again_when_a_file_comes_goes_or_is_mounted_anew(tmp_path: Path) -> None:
    """A ConfigMap is a folder of links through `..data`, which is replaced as a whole."""
    clock, mounted = FakeClock(), tmp_path / "mounted"
    folder(tmp_path / "first", "a"), folder(tmp_path / "second", "a", "b")
    mounted.mkdir()
    (mounted / "..data").symlink_to(tmp_path / "first")
    for name in ("a.crt", "b.crt"):
        (mounted / name).symlink_to(f"..data/{name}")
    (mounted / "b.crt").unlink()
    trust = KubeletTrust(TrustFiles(authority_file=str(mounted)), clock)
    first = trust.context(NODE)
    os.symlink(tmp_path / "second", mounted / "..new")
    os.replace(mounted / "..new", mounted / "..data")
    (mounted / "b.crt").symlink_to("..data/b.crt")
    await clock.advance(31)
    second = trust.context(NODE)
    assert (authorities(first), sorted(authorities(second))) == (["a"], ["a", "b"])
    (mounted / "a.crt").unlink()
    await clock.advance(31)
    assert authorities(trust.context(NODE)) == ["b"]


async def test_k10_insecure_warns_every_hour_and_names_the_nodes() -> None:
    clock = FakeClock()
    trust = KubeletTrust(TrustFiles(insecure=True), clock)
    with capture_logs() as logs:
        for number in range(30):
            assert trust.context(Node(name=NodeName(f"n{number:02}"), uid="u")).verify_mode == ssl.CERT_NONE
            await clock.advance(200)
    assert [entry["log_level"] for entry in logs] == ["warning", "warning"]
    assert [entry["nodes"] for entry in logs] == [
        "n00", "n01, n02, n03, n04, n05, n06, n07, n08, n09, n10 and 8 more",
    ]  # fmt: skip


def test_an_exception_is_for_the_nodes_it_selects_alone() -> None:
    files = TrustFiles(authority=OURS.pem.decode(), exceptions=selectors.parse("kubernetes.io/hostname in (a,b)"))
    trust = KubeletTrust(files, FakeClock())
    old = Node(name=NodeName("a"), uid="u", labels={"kubernetes.io/hostname": "a"})
    assert (trust.exempt(old), trust.exempt(NODE)) == (True, False)
    with capture_logs() as logs:
        assert trust.context(NODE).verify_mode == ssl.CERT_REQUIRED
        assert logs == []
        assert trust.context(old).verify_mode == ssl.CERT_NONE
    assert [entry["nodes"] for entry in logs] == ["a"]
