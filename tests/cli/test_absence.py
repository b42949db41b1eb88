from __future__ import annotations

import json
from collections.abc import Iterable

import pytest

from autoscaler.cli.absence import API, KINDS, LISTED, is_ours, unnamed, unserved
from autoscaler.errors import ForbiddenError, KubeError, NotFoundError
from autoscaler.kube.answers import error_of

WHAT = f"GET {API}/namespaces/shop/decisions/web"
NO_SERVER = error_of(404, b"404 page not found\n", "", WHAT)
METRICS_SERVER = error_of(
    404,
    b'{"kind":"Status","reason":"NotFound","message":"the server could not find the requested resource","code":404}',
    "",
    WHAT,
)
OURS = error_of(
    404, b'{"kind":"Status","reason":"NotFound","message":"no decision about shop/web is kept","code":404}', "", WHAT
)


class Discovery:
    """Answers for the group's version, or does not."""

    def __init__(self, error: KubeError | None = None) -> None:
        self.error = error

    async def get(self, path: str, params: Iterable[tuple[str, str]] = ()) -> bytes:
        assert path == API
        if self.error:
            raise self.error
        return b"{}"


@pytest.mark.parametrize(("error", "ours"), [(NO_SERVER, False), (METRICS_SERVER, False), (OURS, True)])
def test_whose_404_it_is(error: KubeError, *, ours: bool) -> None:
    assert isinstance(error, NotFoundError)
    assert is_ours(error) == ours


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (NotFoundError("404 page not found", status=404), f"this cluster serves no {API}: run `autoscaler doctor`"),
        (None, f"another program serves {API} in this cluster, as metrics-server does, and has no decisions: `auto"),
        (ForbiddenError("no", status=403), f"this program does not answer for {API}, and who does cannot be asked: no"),
    ],
)
async def test_who_serves_the_api_is_told_and_what_answers_instead(error: KubeError | None, told: str) -> None:
    found = await unserved(Discovery(error), "shop", "web")
    assert str(found).startswith(told)
    assert str(found).endswith(
        "; `why web -n shop --from SOURCE` reads a spool, a file or a topic instead, and `explain shop/web` in our pod "
        "its spool"
    )


class Policies:
    """Lists of hps and HPAs in the namespace shop, each of (name, target), or why there is no list."""

    def __init__(self, *lists: list[tuple[str, str]] | KubeError | bytes) -> None:
        self.lists = {path.format("shop"): each for (_, path), each in zip(KINDS, lists, strict=True)}

    async def get(self, path: str, params: Iterable[tuple[str, str]] = ()) -> bytes:
        found = self.lists[path]
        if isinstance(found, KubeError):
            raise found
        if isinstance(found, bytes):
            return found
        items = [{"metadata": {"name": name}, "spec": {"scaleTargetRef": {"name": of}}} for name, of in found]
        return json.dumps({"items": items}).encode()


NOT_INSTALLED = NotFoundError("404 page not found", status=404)


@pytest.mark.parametrize(
    ("hps", "hpas", "there"),
    [
        ([], [], "is none at all"),
        (NOT_INSTALLED, [], "is none at all"),
        ([("front", "web")], [("db", "db-0")], "are hps front of web, hpa db of db-0"),
    ],
)
async def test_a_name_that_nothing_has_is_told_with_those_that_are_there(
    hps: list[tuple[str, str]] | KubeError, hpas: list[tuple[str, str]], there: str
) -> None:
    assert str(await unnamed(Policies(hps, hpas), "shop", "wbe")) == (
        f"no hps or HPA in namespace shop is named wbe or scales what is named so; there {there}: "
        "-n names another namespace, `kubectl get hps,hpa -A` lists all"
    )


async def test_not_all_are_told_of_many() -> None:
    many = [(f"p{number}", f"t{number}") for number in range(LISTED + 2)]
    told = str(await unnamed(Policies(many, []), "shop", "wbe"))
    assert f"hps p{LISTED - 1} of t{LISTED - 1}, and 2 more: " in told


@pytest.mark.parametrize(
    ("hps", "hpas"),
    [
        ([("wbe", "web")], []),
        ([], [("front", "wbe")]),
        (ForbiddenError("no", status=403), []),
        ([], ForbiddenError("no", status=403)),
        (b"no JSON", []),
    ],
)
async def test_nothing_is_claimed_of_what_is_there_or_cannot_be_listed(
    hps: list[tuple[str, str]] | KubeError | bytes, hpas: list[tuple[str, str]] | KubeError
) -> None:
    assert await unnamed(Policies(hps, hpas), "shop", "wbe") is None
