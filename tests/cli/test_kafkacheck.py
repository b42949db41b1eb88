from __future__ import annotations

from collections.abc import Sequence

import pytest

from autoscaler.audit.inquiry import Answer, Broker, Refusal, Topic
from autoscaler.cli import kafkacheck
from autoscaler.cli.finding import Finding, State
from autoscaler.config.load import load

RIGHTS = frozenset({"Describe", "Write", "Read"})
FINE = Topic("decisions", partitions=3, may=RIGHTS)
UP = Broker("kafka-0:9092")
DOWN = Broker("kafka-1:9092", Refusal("Connect call failed", "nobody listens there"))
SETTINGS = {"audit-kafka-bootstrap-servers": "kafka:9092", "audit-topic": "decisions"}


async def examined(answer: Answer, probe: Refusal | str | None = None, **more: str) -> list[Finding]:
    settings = load(SETTINGS | {name.replace("_", "-"): value for name, value in more.items()}, {})
    asked: list[str] = []

    async def inquire(topics: Sequence[str]) -> Answer:
        asked.extend(topics)
        return answer

    async def probing() -> Refusal | str:
        assert probe is not None
        return probe

    found = await kafkacheck.examine(settings.audit, settings.usage, inquire, probing if probe else None)
    assert asked == list(kafkacheck.topics(settings.audit, settings.usage))
    for finding in found:
        assert bool(finding.todo) == (finding.state is not State.OK), "each line that is not OK ends with what to do"
    return found


async def test_without_kafka_the_spool_is_enough() -> None:
    async def nobody(_: Sequence[str]) -> Answer:
        raise AssertionError("nobody is to be asked")

    settings = load({}, {})
    [finding] = await kafkacheck.examine(settings.audit, settings.usage, nobody)
    assert (finding.state, finding.detail) == (State.OK, "not configured: records stay in the spool")


async def test_brokers_and_topics_that_are_fine() -> None:
    brokers, topic = await examined(Answer("id", (UP, Broker("kafka-2:9092")), (FINE,)))
    assert brokers.detail == "2 of 2 brokers answer by PLAINTEXT: kafka-0:9092, kafka-2:9092; cluster id"
    assert (topic.check, topic.detail) == (
        "Kafka topic decisions",
        "of decisions: 3 partitions; our user may Describe and Write",
    )


async def test_who_lets_nobody_in_is_told_with_what_helps() -> None:
    [finding] = await examined(
        Answer(refusal=Refusal("SaslAuthenticationFailed", "correct --audit-kafka-password-file"))
    )
    assert finding.state is State.BAD
    assert finding.detail == "kafka:9092: SaslAuthenticationFailed"
    assert finding.todo == "correct --audit-kafka-password-file"


async def test_a_refusal_nobody_foresaw_has_a_next_step_too() -> None:
    [finding] = await examined(Answer(refusal=Refusal("something")))
    assert finding.todo.startswith("check address")


@pytest.mark.parametrize(
    ("brokers", "state"),
    [
        pytest.param((UP, DOWN), State.WARN, id="one of two"),
        pytest.param((DOWN,), State.BAD, id="all"),
    ],
)
async def test_q13_a_broker_that_is_named_and_not_reached_is_told(brokers: tuple[Broker, ...], state: State) -> None:
    finding = (await examined(Answer("id", brokers, (FINE,))))[0]
    assert finding.state is state
    assert "kafka:9092 names kafka-1:9092, where: Connect call failed" in finding.detail
    assert "advertised.listeners" in finding.todo
    assert "nobody listens there" in finding.todo


@pytest.mark.parametrize(
    ("topic", "state", "told", "todo"),
    [
        pytest.param(
            Topic("decisions", "UnknownTopicOrPartitionError"), State.BAD, "there is none", "--create", id="missing"
        ),
        pytest.param(
            Topic("decisions", "TopicAuthorizationFailedError"),
            State.BAD,
            "neither Describe nor Write",
            "--operation Describe --operation Write --topic decisions",
            id="no rights at all",
        ),
        pytest.param(
            Topic("decisions", partitions=3, may=frozenset({"Describe"})),
            State.BAD,
            "may not Write it",
            "User:NAME --operation Write --topic decisions",
            id="no right to write",
        ),
        pytest.param(
            Topic("decisions", "LeaderNotAvailableError"), State.WARN, "LeaderNotAvailableError", "again", id="for now"
        ),
        pytest.param(
            Topic("decisions", partitions=3, leaderless=2, may=RIGHTS),
            State.BAD,
            "3 partitions, 2 of them without a leader",
            "bring their brokers back",
            id="no leader",
        ),
        pytest.param(
            Topic("decisions", partitions=1),
            State.WARN,
            "1 partition; these brokers",
            "--kafka-probe",
            id="old brokers",
        ),
    ],
)
async def test_q09_what_stands_in_the_way_of_a_topic(topic: Topic, state: State, told: str, todo: str) -> None:
    finding = (await examined(Answer("id", (UP,), (topic,))))[1]
    assert finding.state is state
    assert told in finding.detail
    assert todo in finding.todo


async def test_a_topic_that_will_be_made_is_only_doubtful() -> None:
    missing = Topic("decisions", "UnknownTopicOrPartitionError")
    finding = (await examined(Answer("id", (UP,), (missing,)), audit_kafka_create_topics="true"))[1]
    assert (finding.state, finding.detail) == (State.WARN, "of decisions: not there yet")


async def test_the_topic_of_last_decisions_is_to_be_compacted() -> None:
    answer = Answer("id", (UP,), (FINE, Topic("latest", "UnknownTopicOrPartitionError")))
    finding = (await examined(answer, audit_kafka_latest_topic="latest"))[2]
    assert "--topic latest --config cleanup.policy=compact" in finding.todo


async def test_every_topic_that_is_configured_has_a_line() -> None:
    names = ("decisions", "latest", "samples")
    answer = Answer("id", (UP,), tuple(Topic(name, partitions=1, may=RIGHTS) for name in names))
    found = await examined(answer, audit_kafka_latest_topic="latest", usage_topic="samples")
    assert [finding.check for finding in found[1:]] == [f"Kafka topic {name}" for name in names]
    assert [finding.detail.split(":")[0] for finding in found[1:]] == ["of decisions", "of last decisions", "of usage"]


async def test_a_probe_is_told_when_it_was_asked_for() -> None:
    answer = Answer("id", (UP,), (FINE,))
    taken = (await examined(answer, "decisions[1]@7"))[2]
    assert (taken.check, taken.state, taken.detail) == ("Kafka probe record", State.OK, "taken: decisions[1]@7")
    refused = (await examined(answer, Refusal("NotEnoughReplicas", "bring brokers back")))[2]
    assert (refused.state, refused.detail) == (State.BAD, "decisions: NotEnoughReplicas")
