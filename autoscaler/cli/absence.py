"""Why nobody answers `why`, and what to do: the API is not ours."""

from __future__ import annotations

from autoscaler.cli.pages import Getter
from autoscaler.errors import AutoscalerError, NotFoundError

API = "/apis/metrics.k8s.io/v1beta1"
UNKNOWN = "could not find the requested resource"
"""How a server says that it has no such path (apimachinery, `NewGenericServerResponse`)."""


def is_ours(missing: NotFoundError) -> bool:
    """Whether this program said it: a path of no server gets text and no Status, one that a server has not this one."""
    return bool(missing.reason) and UNKNOWN not in str(missing)


async def unserved(client: Getter, namespace: str, name: str) -> NotFoundError:
    """Instead of a 404 for the decisions that is not ours: what is the matter, and what answers all the same."""
    try:
        await client.get(API)
    except NotFoundError:
        what = f"this cluster serves no {API}: run `autoscaler doctor` to see why"
    except AutoscalerError as exc:
        what = f"this program does not answer for {API}, and who does cannot be asked: {exc}"
    else:
        what = (
            f"another program serves {API} in this cluster, as metrics-server does, and has no decisions: "
            "`autoscaler doctor` names it"
        )
    return NotFoundError(
        f"{what}; `why {name} -n {namespace} --from SOURCE` reads a spool, a file or a topic instead, "
        f"and `explain {namespace}/{name}` in our pod its spool",
        status=404,
    )
