import base64
import json
from datetime import UTC, datetime

import pytest

from autoscaler.errors import ConflictError, MalformedError, NotFoundError
from autoscaler.kube.authority import issued
from autoscaler.kube.servingsecret import ServingSecret, Stored
from autoscaler.model.certificate import Keyring
from tests.kube.apiserver import ok, refusal, serving

PATH = "/api/v1/namespaces/ours/secrets/serving"
NAMES = ("web.ours.svc",)
NOW = float(int(datetime.now(UTC).timestamp()))
ONE, OTHER, BEFORE = (issued(NAMES, NOW, 3600) for _ in range(3))
WHOLE = Keyring(serving=ONE, following=OTHER, previous_ca=BEFORE.ca, previous_ends=BEFORE.ends)


def secret(data: dict[str, str] | None, version: str = "7") -> object:
    encoded = None if data is None else {name: base64.b64encode(text.encode()).decode() for name, text in data.items()}
    return {"metadata": {"name": "serving", "resourceVersion": version}, "data": encoded}


async def test_what_is_written_is_read_again_and_goes_over_what_was_read_only() -> None:
    async with serving() as (server, client):
        server.on(PATH, ok(secret(None)))
        server.on(PATH, ok(secret(None, "8")), method="PATCH")
        secrets = ServingSecret(client, "ours", "serving", NAMES)
        empty = await secrets.read()
        assert empty == Stored(Keyring(), "7")
        await secrets.write(empty, WHOLE)
        sent = json.loads(server.asked[-1].body)
        assert sent["metadata"] == {"resourceVersion": "7"}
        told = {name: base64.b64decode(text).decode() for name, text in sent["data"].items()}
        assert (told["tls.crt"], told["tls.key"]) == (ONE.certificate, ONE.key)
        assert told["ca.crt"] == ONE.ca + OTHER.ca + BEFORE.ca
        server.on(PATH, ok(secret(told)))
        assert (await secrets.read()).ring == WHOLE


async def test_what_is_over_is_taken_away() -> None:
    async with serving() as (server, client):
        server.on(PATH, ok(secret(None)), method="PATCH")
        await ServingSecret(client, "ours", "serving", NAMES).write(Stored(WHOLE, "7"), Keyring(serving=ONE))
        data = json.loads(server.asked[-1].body)["data"]
        gone = {name for name, value in data.items() if value is None}
        assert gone == {"next-tls.crt", "next-tls.key", "next-tls-ca.crt", "previous-ca.crt"}


@pytest.mark.parametrize(
    "data",
    [
        pytest.param({"tls.crt": "junk", "tls.key": ONE.key, "tls-ca.crt": ONE.ca}, id="no certificate"),
        pytest.param({"tls.crt": ONE.certificate, "tls.key": OTHER.key, "tls-ca.crt": ONE.ca}, id="another key"),
        pytest.param({"tls.crt": ONE.certificate}, id="nothing beside it"),
    ],
)
async def test_what_makes_no_pair_counts_as_none(data: dict[str, str]) -> None:
    async with serving() as (server, client):
        server.on(PATH, ok(secret(data)))
        assert (await ServingSecret(client, "ours", "serving", NAMES).read()).ring.serving is None


async def test_what_is_no_base64_counts_as_none() -> None:
    async with serving() as (server, client):
        server.on(
            PATH, ok({"metadata": {"resourceVersion": "7"}, "data": {"tls.crt": "%%%", "previous-ca.crt": "/w=="}})
        )
        assert (await ServingSecret(client, "ours", "serving", NAMES).read()).ring == Keyring()


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        pytest.param(refusal(404, "not found"), NotFoundError, id="there is none"),
        pytest.param(ok([]), MalformedError, id="no Secret"),
    ],
)
async def test_what_cannot_be_read_is_an_error(answer: object, error: type[Exception]) -> None:
    async with serving() as (server, client):
        server.on(PATH, answer)  # type: ignore[arg-type]  # an Answer of the table
        with pytest.raises(error):
            await ServingSecret(client, "ours", "serving", NAMES).read()


async def test_somebody_who_was_faster_is_a_conflict() -> None:
    async with serving() as (server, client):
        server.on(PATH, refusal(409, "modified"), method="PATCH")
        with pytest.raises(ConflictError):
            await ServingSecret(client, "ours", "serving", NAMES).write(Stored(Keyring(), "7"), WHOLE)
