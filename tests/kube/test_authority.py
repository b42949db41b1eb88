import ssl
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography import x509
from msgspec.structs import replace

from autoscaler.kube.authority import ends_of, issued, usable

NAMES = ("hpa-companion.metrics.svc", "hpa-companion.metrics")
NOW = datetime.now(UTC).timestamp()


def handshake(shown: str, key: str, trusted: str, folder: Path, name: str = NAMES[0]) -> None:
    """In memory, as strict as OpenSSL can be. Raises SSLError."""
    file = folder / "pair.pem"
    file.write_text(shown + key)
    server_context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server_context.load_cert_chain(file)
    client_context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client_context.verify_flags |= ssl.VERIFY_X509_STRICT
    client_context.load_verify_locations(cadata=trusted)
    to_client, to_server = ssl.MemoryBIO(), ssl.MemoryBIO()
    server = server_context.wrap_bio(to_server, to_client, server_side=True)
    client = client_context.wrap_bio(to_client, to_server, server_hostname=name)
    waiting = [client, server]
    while waiting:
        waiting = [each for each in waiting if not _done(each)]


def _done(side: ssl.SSLObject) -> bool:
    try:
        side.do_handshake()
    except ssl.SSLWantReadError:
        return False
    return True


def test_a_strict_client_verifies_what_is_issued_under_every_name(tmp_path: Path) -> None:
    made = issued(NAMES, NOW, 3600)
    for name in NAMES:
        handshake(made.certificate, made.key, made.ca, tmp_path, name)


def test_during_a_renewal_old_and_new_are_verified_by_one_bundle_and_neither_by_the_others_ca(tmp_path: Path) -> None:
    old, new = issued(NAMES, NOW, 3600), issued(NAMES, NOW, 3600)
    for each, other in ((old, new), (new, old)):
        handshake(each.certificate, each.key, old.ca + new.ca, tmp_path)
        with pytest.raises(ssl.SSLError):
            handshake(each.certificate, each.key, other.ca, tmp_path)


def test_it_holds_for_its_lifetime_and_a_little_before_for_clocks_that_differ() -> None:
    made = issued(NAMES, NOW, 3600)
    leaf = x509.load_pem_x509_certificate(made.certificate.encode())
    assert leaf.not_valid_before_utc.timestamp() == pytest.approx(NOW - 300, abs=1)
    assert leaf.not_valid_after_utc.timestamp() == pytest.approx(NOW + 3600, abs=1)
    assert ends_of(made.ca) == pytest.approx(made.ends, abs=1)
    assert ends_of("no certificate") == 0.0


def test_what_was_issued_is_found_again() -> None:
    made = issued(NAMES, NOW, 3600)
    found = usable(made.certificate, made.key, made.ca, NAMES)
    assert found is not None
    assert replace(found, ends=made.ends) == made


ONE, OTHER = issued(NAMES, NOW, 3600), issued(NAMES, NOW, 3600)


@pytest.mark.parametrize(
    ("certificate", "key", "ca", "names"),
    [
        pytest.param("", ONE.key, ONE.ca, NAMES, id="no certificate"),
        pytest.param(ONE.certificate[:300], ONE.key, ONE.ca, NAMES, id="half a certificate"),
        pytest.param(ONE.certificate, OTHER.key, ONE.ca, NAMES, id="another key"),
        pytest.param(ONE.certificate, ONE.key, OTHER.ca, NAMES, id="another CA"),
        pytest.param(ONE.certificate, ONE.key, "junk", NAMES, id="no CA"),
        pytest.param(ONE.certificate, ONE.key, ONE.ca, ("renamed.metrics.svc",), id="another name"),
    ],
)
def test_what_makes_no_pair_is_none(certificate: str, key: str, ca: str, names: tuple[str, ...]) -> None:
    assert usable(certificate, key, ca, names) is None
