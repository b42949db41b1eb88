import ssl
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from autoscaler.errors import ConfigError
from autoscaler.kube.trust import KubeletTrust, TrustFiles, kubelet_context
from tests.certificates import Authority
from tests.clock import FakeClock

OURS = Authority("cluster")


def test_peers_are_verified_by_name_and_chain_but_not_by_the_strict_rules_that_real_clusters_break() -> None:
    context = kubelet_context(TrustFiles(authority=OURS.pem.decode()))
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)
    assert not context.verify_flags & ssl.VERIFY_X509_STRICT
    assert [ca["subject"] for ca in context.get_ca_certs()] == [((("commonName", "cluster"),),)]


def test_the_file_goes_before_the_clusters_own_authority(tmp_path: Path) -> None:
    path = Authority("kubelets").write(tmp_path)
    context = kubelet_context(TrustFiles(authority=OURS.pem.decode(), authority_file=str(path)))
    assert [ca["subject"] for ca in context.get_ca_certs()] == [((("commonName", "kubelets"),),)]


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
            kubelet_context(files)


def test_a_comment_in_any_language_does_no_harm() -> None:
    assert kubelet_context(TrustFiles(authority="# Zürich\n" + OURS.pem.decode())).get_ca_certs()


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"gone\.crt"):
        kubelet_context(TrustFiles(authority_file=str(tmp_path / "gone.crt")))
    with pytest.raises(ConfigError, match="kubelet-client-certificate"):
        kubelet_context(TrustFiles(authority=OURS.pem.decode(), certificate_file="gone.crt", key_file="gone.key"))


async def test_a_changed_file_makes_a_new_context_and_a_broken_one_does_not(tmp_path: Path) -> None:
    path, clock = OURS.write(tmp_path), FakeClock()
    trust = KubeletTrust(TrustFiles(authority_file=str(path)), clock)
    first = trust.context()
    await clock.advance(31)
    assert trust.context() is first
    path.write_bytes(Authority("next").pem)
    assert trust.context() is first  # not looked at yet
    await clock.advance(31)
    second = trust.context()
    assert second is not first
    path.write_text("half a fi")
    await clock.advance(31)
    with capture_logs() as logs:
        assert trust.context() is second
    assert [entry["log_level"] for entry in logs] == ["warning"]


async def test_insecure_warns_every_hour() -> None:
    clock = FakeClock()
    trust = KubeletTrust(TrustFiles(insecure=True), clock)
    with capture_logs() as logs:
        for _ in range(3):
            assert trust.context().verify_mode == ssl.CERT_NONE
            await clock.advance(1800)
    assert len(logs) == 2
