"""What stands between us and Kafka, in words that name what to change.

aiokafka raises one error for everything that can go wrong before a broker lets us in, and says in its log only what it
was: what is looked for here are the words of OpenSSL, of brokers and of the operating system.
"""

from __future__ import annotations

import re

from autoscaler.audit.frames import ENDED, GARBAGE, SILENT, TLS

SERVERS = "--audit-kafka-bootstrap-servers"
PROTOCOL = "--audit-kafka-security-protocol"

_KNOWN: tuple[tuple[str, str], ...] = (
    (r"Hostname mismatch|IP address mismatch", f"the broker's certificate is for another name than the one dialled: "
     f"give {SERVERS} (or the broker's advertised.listeners) a name that it has"),
    (r"certificate has expired", "the broker's certificate has expired: renew it"),
    (r"CERTIFICATE_VERIFY_FAILED|certificate verify failed", "the broker's certificate is not signed by a CA we trust: "
     "name its CA with --audit-kafka-ca-file"),
    (r"ALERT_CERTIFICATE_EXPIRED|alert certificate expired", "the broker finds our certificate expired: renew "
     "--audit-kafka-cert-file"),
    (r"CERTIFICATE_REQUIRED|certificate required|ALERT_(UNKNOWN_CA|BAD_CERTIFICATE|CERTIFICATE_UNKNOWN)|"
     r"alert (unknown ca|bad certificate|certificate unknown|handshake failure)",
     "the broker does not accept our certificate: give one it trusts, --audit-kafka-cert-file and "
     "--audit-kafka-key-file"),
    (r"WRONG_VERSION_NUMBER|wrong version number|RECORD_LAYER_FAILURE|record layer failure", f"what answers there does "
     f"not speak TLS: name its TLS port in {SERVERS}, or correct {PROTOCOL}"),
    (r"Unsupported mechanism|does not support .* sasl|UnsupportedSaslMechanism", "the broker does not know this way to "
     "log in: correct --audit-kafka-sasl-mechanism"),
    (r"SaslAuthenticationFailed|Authentication failed", "the broker refuses our user name or password: correct "
     "--audit-kafka-username-file and --audit-kafka-password-file, which are read again"),
    (r"UnknownTopicOrPartition|TopicAuthorization", ""),
    (r"ClusterAuthorization", "our user may not write: grant it Write and Describe on the topic"),
    (rf"claims to answer with|{GARBAGE}", f"what answers there is no Kafka broker: correct {SERVERS}"),
    (r"Name or service not known|Temporary failure in name resolution|nodename nor servname|No address associated",
     f"the name is not known to DNS: correct {SERVERS}"),
    (TLS, f"what answers there speaks TLS: correct {PROTOCOL}"),
    (ENDED, f"what answers there ends the connection: a port that wants TLS when {PROTOCOL} says none, one that wants "
     "none, or no Kafka broker"),
    (SILENT, f"nobody answers there: correct {SERVERS}, or look at the network"),
    (r"Connect call failed|Connection refused", f"nobody listens there: correct {SERVERS}, or start the broker"),
)  # fmt: skip


def told(error: BaseException | None, said: str, asked: str) -> str:
    """One sentence of what was raised, what the client last logged ("": nothing), and whom it asked ("": nobody yet).

    It stays the same while the trouble does: it stands in the status of every policy.
    """
    raised = named(error).partition(" from [")[0]  # aiokafka's list of addresses, with the numbers of their families
    where = f" at {asked}" if asked and asked not in raised else ""
    help_ = _help(error, said)
    if help_ is None:
        return f"{raised}{where}" + (f" (last said: {said})" if said else "")
    return f"{raised}{where}: {help_}" if help_ else f"{raised}{where}"


def advice(error: BaseException | None, said: str) -> str:
    """What helps, "" when nobody knows or the error says it itself."""
    return _help(error, said) or ""


def _help(error: BaseException | None, said: str) -> str | None:
    """None: nobody knows; "": the error says it itself."""
    text = "" if error is None else named(error)
    return next((words for pattern, words in _KNOWN if re.search(pattern, f"{text}\n{said}")), None)


def named(error: BaseException | None) -> str:
    """Its class and its text, each once."""
    name = type(error).__name__
    text = re.sub(r"^\[Error \d+\] ", "", str(error))  # aiokafka puts a number in front of the name, and the name
    return text if text.startswith(name) else f"{name}: {text}".removesuffix(": ")
