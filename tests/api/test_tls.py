import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from autoscaler.api.certificate import ServingCertificate, given, self_signed
from autoscaler.api.tls import ServingContexts
from autoscaler.errors import ConfigError
from tests.api.cluster import NOW
from tests.api.world import PROXY_CA, Trust, trust
from tests.certificates import Authority

OTHER_CA = Authority("next")
TODAY = datetime.now(UTC)


@pytest.fixture
def pair(tmp_path: Path) -> ServingCertificate:
    return self_signed(str(tmp_path), ("localhost",), NOW)


def test_one_context_serves_as_long_as_the_ca_is_the_same(pair: ServingCertificate) -> None:
    source = Trust()
    contexts = ServingContexts(pair, source)
    first = contexts.current()
    source.value = trust(allowed_names=("another",), generation=2)
    assert contexts.current() is first
    source.value = trust(PROXY_CA, OTHER_CA)
    assert contexts.current() is not first
    assert len(contexts.current().get_ca_certs()) == 2


def test_the_trust_store_holds_the_requestheader_ca_and_nothing_else(pair: ServingCertificate) -> None:
    context = ServingContexts(pair, Trust()).current()
    subjects = [certificate["subject"] for certificate in context.get_ca_certs()]
    assert subjects == [((("commonName", "requestheader"),),)]


def test_no_old_protocol_no_tickets_no_demand_for_a_certificate(pair: ServingCertificate) -> None:
    contexts = ServingContexts(pair, Trust())
    for context in (contexts.current(), contexts.entry):
        assert context.minimum_version is ssl.TLSVersion.TLSv1_2
        assert context.verify_mode is ssl.CERT_OPTIONAL
        assert context.num_tickets == 0
        assert context.options & ssl.OP_NO_TICKET


def test_nobody_is_trusted_as_long_as_the_ca_is_not_known(pair: ServingCertificate) -> None:
    source = Trust(None)
    contexts = ServingContexts(pair, source)
    assert contexts.current().get_ca_certs() == []
    assert "not known" in contexts.trust_problem
    source.value = trust()
    assert contexts.current().ca_pem
    assert contexts.trust_problem == ""
    source.value = None
    assert contexts.current().ca_pem == ""
    assert "not known" in contexts.trust_problem


@pytest.mark.parametrize("bad", ["junk", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "é"])
def test_a06_a_ca_that_cannot_be_read_leaves_the_last_good_one(pair: ServingCertificate, bad: str) -> None:
    source = Trust()
    contexts = ServingContexts(pair, source)
    good = contexts.current()
    source.value = trust(ca_pem=bad)
    with capture_logs() as logs:
        assert [contexts.current() for _ in range(3)] == [good] * 3
    assert [entry["event"] for entry in logs] == ["Kept the last good requestheader CA"]
    assert "cannot be read" in contexts.trust_problem
    source.value = trust()
    contexts.current()
    assert contexts.trust_problem == ""


def test_a25_changed_files_are_taken_up_and_unusable_ones_are_not(tmp_path: Path) -> None:
    authority = Authority("serving")
    crt, key = authority.issue("api").write(tmp_path)
    contexts = ServingContexts(given(str(crt), str(key)), Trust())
    first = contexts.current()
    contexts.reload_certificate(TODAY.timestamp())
    assert contexts.current() is first
    authority.issue("api").write(tmp_path)
    contexts.reload_certificate(TODAY.timestamp())
    second = contexts.current()
    assert second is not first
    assert second.ca_pem == first.ca_pem
    expires = contexts.expires
    crt.write_bytes(authority.issue("api").certificate)
    with capture_logs() as logs:
        contexts.reload_certificate(TODAY.timestamp())
        contexts.reload_certificate(TODAY.timestamp())
        crt.unlink()
        contexts.reload_certificate(TODAY.timestamp())
        contexts.reload_certificate(TODAY.timestamp())
        authority.issue("api", not_before=TODAY - timedelta(days=30), days=1).write(tmp_path)
        contexts.reload_certificate(TODAY.timestamp())
    assert contexts.current() is second
    assert [entry["event"] for entry in logs] == ["Kept the last good serving certificate"] * 3
    assert (contexts.refusals, contexts.expires) == (3, expires)
    assert "expired" in contexts.certificate_problem
    authority.issue("api").write(tmp_path)
    contexts.reload_certificate(TODAY.timestamp())
    assert contexts.current() is not second
    assert contexts.certificate_problem == ""


@pytest.mark.parametrize("content", [b"", b"junk"])
def test_an_unusable_pair_at_the_start_is_a_configuration_error(tmp_path: Path, content: bytes) -> None:
    for name in ("a.crt", "a.key"):
        (tmp_path / name).write_bytes(content)
    with pytest.raises(ConfigError, match=r"a\.crt"):
        ServingContexts(given(str(tmp_path / "a.crt"), str(tmp_path / "a.key")), Trust())
    with pytest.raises(ConfigError, match="nowhere"):
        ServingContexts(given("nowhere", "nowhere"), Trust())
