"""Why nobody answers `why`, and what to do: the API is not ours, or nothing has that name."""

from __future__ import annotations

import msgspec
from msgspec import Struct

from autoscaler.cli.pages import Getter, pages
from autoscaler.errors import AutoscalerError, NotFoundError
from autoscaler.kube.client import segment

API = "/apis/metrics.k8s.io/v1beta1"
UNKNOWN = "could not find the requested resource"
"""How a server says that it has no such path (apimachinery, `NewGenericServerResponse`)."""

KINDS = (
    ("hps", "/apis/hpa-companion.dev/v1alpha1/namespaces/{}/horizontalpodscalers"),
    ("hpa", "/apis/autoscaling/v2/namespaces/{}/horizontalpodautoscalers"),
)
LISTED = 10


class _Named(Struct, frozen=True):
    name: str = ""


class _Spec(Struct, frozen=True, rename="camel"):
    scale_target_ref: _Named = _Named()


class _Policy(Struct, frozen=True):
    metadata: _Named = _Named()
    spec: _Spec = _Spec()


class _List(Struct, frozen=True):
    items: tuple[_Policy, ...] = ()


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


async def unnamed(client: Getter, namespace: str, name: str) -> NotFoundError | None:
    """What to say where no policy and no target of one has this name; None where one has, or they cannot be listed."""
    there: list[str] = []
    for kind, path in KINDS:
        try:
            found = await _policies(client, path.format(segment(namespace)))
        except NotFoundError:
            continue  # this kind is not installed
        except (AutoscalerError, msgspec.DecodeError):
            return None
        for each in found:
            target = each.spec.scale_target_ref.name
            if name in (each.metadata.name, target):
                return None
            there.append(f"{kind} {each.metadata.name} of {target}")
    more = [f"and {len(there) - LISTED} more"] if len(there) > LISTED else []
    return NotFoundError(
        f"no hps or HPA in namespace {namespace} is named {name} or scales what is named so; there "
        f"{'is none at all' if not there else 'are ' + ', '.join([*there[:LISTED], *more])}: "
        "-n names another namespace, `kubectl get hps,hpa -A` lists all",
        status=404,
    )


async def _policies(client: Getter, path: str) -> list[_Policy]:
    return [each async for page in pages(client, path) for each in msgspec.json.decode(page, type=_List).items]
