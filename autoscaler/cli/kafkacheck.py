"""What the doctor says of Kafka: does each broker answer, is each topic there, may we write it, is a record taken."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence

from autoscaler.audit.inquiry import Answer, Broker, Refusal, Topic
from autoscaler.cli.finding import Finding, bad, doubtful, good
from autoscaler.config.settings import AuditSettings, UsageSettings
from autoscaler.core.figures import counted

CHECK = "Kafka"
NEEDED = ("Describe", "Write")
LAST = "last decisions"
DENIED = "TopicAuthorizationFailedError"
Inquiry = Callable[[Sequence[str]], Awaitable[Answer]]
Probe = Callable[[], Awaitable[Refusal | str]]


def topics(audit: AuditSettings, usage: UsageSettings) -> Mapping[str, str]:
    """Of what each topic that is configured is, by its name."""
    named = {audit.kafka.topic: "decisions", audit.topics.latest: LAST, usage.topic: "usage"}
    return {name: what for name, what in named.items() if name}


async def examine(
    audit: AuditSettings, usage: UsageSettings, inquire: Inquiry, probe: Probe | None = None
) -> list[Finding]:
    """One line when there is none to ask; else one about the brokers and one about each topic. `probe`: and try it."""
    kafka = audit.kafka
    if not kafka.bootstrap_servers:
        return [good(CHECK, "not configured: records stay in the spool")]
    wanted = topics(audit, usage)
    answer = await inquire(list(wanted))
    given = ", ".join(kafka.bootstrap_servers)
    if answer.refusal is not None:
        return [_refused(CHECK, given, answer.refusal)]
    found = [_brokers(answer, given, kafka.security_protocol)]
    found += [_topic(each, wanted[each.name], create=audit.topics.create) for each in answer.topics]
    if probe is not None:
        found.append(_probed(await probe(), kafka.topic))
    return found


def _refused(check: str, where: str, refusal: Refusal) -> Finding:
    todo = refusal.advice or "check address, security options, credential files and ACLs; see the brokers' log"
    return bad(check, refusal.told if refusal.told.startswith(where) else f"{where}: {refusal.told}", todo)


def _brokers(answer: Answer, given: str, protocol: str) -> Finding:
    refused = {each.address: each.refusal for each in answer.brokers if each.refusal is not None}
    if refused:
        return _silent(answer.brokers, refused, given)
    count = len(answer.brokers)
    told = f"{count} of {_answering(count)} by {protocol}"
    return good(CHECK, f"{told}: {', '.join(each.address for each in answer.brokers)}; cluster {answer.cluster}")


def _answering(brokers: int) -> str:
    return f"{counted(brokers, 'broker')} {'answers' if brokers == 1 else 'answer'}"


def _silent(brokers: Sequence[Broker], refused: Mapping[str, Refusal], given: str) -> Finding:
    """Who let us in by the given address names others, which a client must reach too."""
    first, *_ = refused.values()
    told = f"{len(brokers) - len(refused)} of {_answering(len(brokers))}; {given} names "
    told += f"{', '.join(refused)}, where: {first.told}"
    todo = "start it, or correct advertised.listeners of that broker; "
    todo += first.advice or "see that DNS and network of this machine lead there"
    return (bad if len(refused) == len(brokers) else doubtful)(CHECK, told, todo)


def _topic(found: Topic, what: str, *, create: bool) -> Finding:
    check = f"Kafka topic {found.name}"
    if found.missing and create:
        return doubtful(check, f"of {what}: not there yet", "`run` makes it, where our user may Create it")
    if found.missing:
        how = " --config cleanup.policy=compact" if what == LAST else ""
        todo = f"kafka-topics.sh --create --topic {found.name}{how}, or --audit-kafka-create-topics"
        return bad(check, f"of {what}: there is none, or none that our user may Describe", todo)
    if found.error == DENIED:
        return bad(check, f"of {what}: our user may neither Describe nor Write it", _grant(found.name, NEEDED))
    if found.error:
        return doubtful(check, f"of {what}: {found.error}", "ask again; else look at the brokers' log")
    return _usable(check, found, what)


def _usable(check: str, found: Topic, what: str) -> Finding:
    missing = [] if found.may is None else [each for each in NEEDED if each not in found.may]
    if missing:
        return bad(check, f"of {what}: our user may not {' and '.join(missing)} it", _grant(found.name, missing))
    size = f"of {what}: {found.partitions} partition{'s' * (found.partitions != 1)}"
    if found.leaderless:
        todo = "bring their brokers back: what falls to these partitions waits in the spool"
        return bad(check, f"{size}, {found.leaderless} of them without a leader", todo)
    if found.may is None:
        return doubtful(check, f"{size}; these brokers do not say what we may do", "try it: --kafka-probe")
    return good(check, f"{size}; our user may {' and '.join(NEEDED)}")


def _grant(topic: str, operations: Sequence[str]) -> str:
    """NAME: of the user that logs in, or the subject of its certificate."""
    words = " ".join(f"--operation {each}" for each in operations)
    return f"kafka-acls.sh --add --allow-principal User:NAME {words} --topic {topic}"


def _probed(taken: Refusal | str, topic: str) -> Finding:
    check = "Kafka probe record"
    return _refused(check, topic, taken) if isinstance(taken, Refusal) else good(check, f"taken: {taken}")
