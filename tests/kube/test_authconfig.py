from __future__ import annotations

import json
from typing import Any

import pytest

from autoscaler.errors import MalformedError
from autoscaler.kube.authconfig import CA, AuthenticationConfig, ConfigMap, trust
from tests.certificates import Authority
from tests.kube.apiserver import SkippingClock, listed, refusal, running, serving, telemetry, until, watched

FIRST, SECOND = (Authority(name).pem.decode() for name in ("front-proxy", "front-proxy-2"))
PATH = "/api/v1/namespaces/kube-system/configmaps"


def data(ca: str = FIRST, **more: str) -> dict[str, str]:
    return {
        CA: ca,
        "client-ca-file": "another CA, which must not be trusted for this",
        "requestheader-allowed-names": '["front-proxy-client"]',
        "requestheader-username-headers": '["X-Remote-User"]',
        "requestheader-group-headers": '["X-Remote-Group"]',
        "requestheader-extra-headers-prefix": '["X-Remote-Extra-"]',
    } | {key.replace("_", "-"): value for key, value in more.items()}


def config_map(version: str, **fields: Any) -> dict[str, Any]:
    metadata = {"name": "extension-apiserver-authentication", "namespace": "kube-system", "resourceVersion": version}
    return {"metadata": metadata, "data": data(**fields)}


def test_the_config_map_says_whom_to_believe() -> None:
    found = trust(ConfigMap("u", "1", data(requestheader_uid_headers='["X-Remote-Uid"]')))
    assert (found.ca_pem, found.allowed_names) == (FIRST, ("front-proxy-client",))
    assert (found.username_headers, found.group_headers) == (("X-Remote-User",), ("X-Remote-Group",))
    assert (found.extra_prefixes, found.uid_headers) == (("X-Remote-Extra-",), ("X-Remote-Uid",))


def test_uid_headers_are_believed_only_when_listed() -> None:
    assert trust(ConfigMap("u", "1", data())).uid_headers == ()


@pytest.mark.parametrize(
    ("found", "text"),
    [
        ({}, "no PEM certificates"),
        (data(""), "no PEM certificates"),
        (data("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----"), "no PEM certificates"),
        (data(requestheader_allowed_names="front-proxy-client"), "requestheader-allowed-names is no JSON list"),
        (data(requestheader_group_headers="[1]"), "requestheader-group-headers is no JSON list"),
    ],
    ids=["empty", "no CA", "a broken CA", "a list that is none", "a list of numbers"],
)
def test_a_broken_config_map_says_which_key(found: dict[str, str], text: str) -> None:
    with pytest.raises(MalformedError, match=text):
        trust(ConfigMap("u", "1", found))


async def test_only_the_one_config_map_is_watched_and_a_new_ca_moves_the_generation() -> None:
    async with serving() as (server, client):
        server.on(PATH, listed(config_map("5")))
        server.on(
            f"{PATH}?watch",
            watched(("MODIFIED", config_map("11")), ("MODIFIED", config_map("12", ca=SECOND))),
        )
        config = AuthenticationConfig(client, clock=SkippingClock(), telemetry=telemetry())
        assert (config.current(), config.problem) == (None, "")
        async with running(config.run):
            await config.wait_synced()
            first = config.current()
            assert first is not None
            await until(lambda: config.current() != first)
        second = config.current()
        assert second is not None
        assert (first.ca_pem, first.generation, second.ca_pem, second.generation) == (FIRST, 0, SECOND, 1)
        selector = "metadata.name=extension-apiserver-authentication"
        assert {query["fieldSelector"] for query in [each.query for each in server.asked]} == {selector}


@pytest.mark.parametrize(
    ("event", "problem"),
    [
        (("MODIFIED", config_map("11", ca="junk")), "holds no PEM certificates"),
        (("DELETED", config_map("11")), "does not exist"),
    ],
    ids=["broken", "deleted"],
)
async def test_a06_the_last_good_trust_is_kept_and_the_problem_named(event: tuple[str, object], problem: str) -> None:
    async with serving() as (server, client):
        server.on(PATH, listed(config_map("5")))
        server.on(f"{PATH}?watch", watched(event))
        config = AuthenticationConfig(client, clock=SkippingClock(), telemetry=telemetry())
        async with running(config.run):
            await until(lambda: problem in config.problem)
        kept = config.current()
        assert kept is not None
        assert kept.ca_pem == FIRST
        assert json.dumps(config.problem).count("BEGIN") == 0


async def test_a06_without_the_right_to_read_it_nobody_is_believed_and_the_binding_is_named() -> None:
    async with serving() as (server, client):
        server.on(PATH, refusal(403, "configmaps is forbidden"))
        config = AuthenticationConfig(client, clock=SkippingClock(), telemetry=telemetry())
        async with running(config.run):
            await until(lambda: config.problem)
        assert config.current() is None
        assert "extension-apiserver-authentication-reader" in config.problem


async def test_a06_a_cluster_without_it_says_so() -> None:
    async with serving() as (server, client):
        server.on(PATH, listed())
        server.on(f"{PATH}?watch", watched())
        config = AuthenticationConfig(client, clock=SkippingClock(), telemetry=telemetry())
        async with running(config.run):
            await config.wait_synced()
        assert "does not exist" in config.problem
