"""How a broker lets clients in: in the clear for who looks at it, and as in production by SASL or certificate."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from msgspec import Struct

from tests.certificates import Authority
from tests.e2e.processes import free_port

PLAIN_USER, PLAIN_PASSWORD = "otto", "plain-password"
SCRAM_USER = "alice"
_JAAS = "org.apache.kafka.common.security"


class Listeners(Struct, frozen=True):
    """Ports of one broker and the certificates it has; `ca` is what clients must trust.

    Who comes by `inside` is told to go on by `outside`: what a test puts between is passed again and again.
    """

    folder: Path
    authority: Authority
    plain: int
    sasl: int
    tls: int
    inside: int
    outside: int

    @property
    def ca(self) -> Path:
        return self.folder / f"{self.authority.name}-ca.crt"

    def moved(self) -> Listeners:
        """The same on other ports."""
        return _listeners(self.folder, self.authority)

    def settings(self, controller: int) -> Mapping[str, object]:
        """Of server.properties."""
        ports = {"PLAINTEXT": self.plain, "SASL_SSL": self.sasl, "MTLS": self.tls, "LINE": self.inside}
        scram, plain = "listener.name.sasl_ssl.scram-sha-512", "listener.name.sasl_ssl.plain"
        return {
            "listeners": _named({**ports, "CONTROLLER": controller}),
            "advertised.listeners": _named({**ports, "LINE": self.outside}),
            "controller.listener.names": "CONTROLLER",
            "listener.security.protocol.map": (
                "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,LINE:PLAINTEXT,SASL_SSL:SASL_SSL,MTLS:SSL"
            ),
            "listener.name.mtls.ssl.client.auth": "required",
            "ssl.keystore.type": "PEM",
            "ssl.keystore.location": self.folder / "keystore.pem",
            "ssl.truststore.type": "PEM",
            "ssl.truststore.location": self.ca,
            "sasl.enabled.mechanisms": "SCRAM-SHA-512,PLAIN",
            f"{scram}.sasl.jaas.config": f"{_JAAS}.scram.ScramLoginModule required;",
            f"{plain}.sasl.jaas.config": (
                f'{_JAAS}.plain.PlainLoginModule required user_{PLAIN_USER}="{PLAIN_PASSWORD}";'
            ),
            # who comes in the clear may do everything; others what no rule forbids
            "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
            "super.users": "User:ANONYMOUS",
            "allow.everyone.if.no.acl.found": "true",
        }


def listeners(folder: Path) -> Listeners:
    """With a new authority, and a certificate for 127.0.0.1 and for no name."""
    authority = Authority("brokers")
    authority.write(folder)
    issued = authority.issue("broker", sans=["127.0.0.1"], client=True)
    (folder / "keystore.pem").write_bytes(issued.key + issued.certificate)
    return _listeners(folder, authority)


def _listeners(folder: Path, authority: Authority) -> Listeners:
    return Listeners(folder, authority, *(free_port() for _ in range(5)))


def _named(ports: Mapping[str, int]) -> str:
    return ",".join(f"{name}://127.0.0.1:{port}" for name, port in ports.items())
