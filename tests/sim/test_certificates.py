from __future__ import annotations

import ssl

from cryptography import x509
from cryptography.x509.oid import NameOID

from autoscaler.sim.certificates import Authority


def handshake(server: ssl.SSLContext, trust: Authority, hostname: str) -> None:
    """TLS in memory; raises what the client would."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    context = ssl.create_default_context(cadata=trust.pem)
    client = context.wrap_bio(to_client, to_server, server_hostname=hostname)
    peer = server.wrap_bio(to_server, to_client, server_side=True)
    for _ in range(4):
        for side in (client, peer):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue


def test_a_server_is_trusted_under_each_of_its_names() -> None:
    authority = Authority("ca")
    context = authority.server("kubelets", ["127.1.0.1", "127.1.0.2", "node-1"]).server_context()
    for host in ("127.1.0.2", "node-1"):
        handshake(context, authority, host)


def test_a_server_is_not_trusted_under_another_name_or_authority() -> None:
    authority = Authority("ca")
    context = authority.server("kubelet", ["127.1.0.1"]).server_context()
    for trust, host in ((authority, "127.1.0.9"), (Authority("other"), "127.1.0.1")):
        try:
            handshake(context, trust, host)
        except ssl.SSLCertVerificationError:
            continue
        raise AssertionError(f"{host} was believed")


def test_a_client_carries_user_and_groups() -> None:
    pair = Authority("front").client("front-proxy-client", ["system:masters"])
    subject = x509.load_pem_x509_certificate(pair.certificate).subject
    assert subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value == "front-proxy-client"
    assert subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)[0].value == "system:masters"
