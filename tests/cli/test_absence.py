from __future__ import annotations

from collections.abc import Iterable

import pytest

from autoscaler.cli.absence import API, is_ours, unserved
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
