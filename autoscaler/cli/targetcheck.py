"""What there is to scale, for the doctor: the kinds that policies name, whose rights the chart gives one by one."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

import msgspec
from msgspec import Struct

from autoscaler.cli.needs import DEPLOYMENTS
from autoscaler.cli.pages import Getter, pages
from autoscaler.errors import KubeError
from autoscaler.kube.discovery import group_of

POLICIES = "/apis/hpa-companion.dev/v1alpha1/horizontalpodscalers"
MOST = 20
"""Pages of policies: a kind is seen that is among the first 10,000."""


class _Target(Struct, frozen=True, rename="camel"):
    api_version: str = ""
    kind: str = ""


class _Spec(Struct, frozen=True, rename="camel"):
    scale_target_ref: _Target = _Target()


class _Policy(Struct, frozen=True):
    spec: _Spec = _Spec()


class _Policies(Struct, frozen=True):
    items: tuple[_Policy, ...] = ()


async def scaled(asker: Getter, resource: Callable[[str, str], Awaitable[str]]) -> Sequence[tuple[str, str]]:
    """Group and resource of every kind that a policy names, `resource` has `<resource>.<group>` of a kind.

    Deployments, where there is no policy yet or none can be read. A kind that nobody serves takes no right.
    """
    try:
        targets = await _targets(asker)
    except (KubeError, msgspec.DecodeError):
        targets = []
    found = []
    for target in targets:
        try:
            name, _, group = (await resource(group_of(target.api_version), target.kind)).partition(".")
        except KubeError:
            continue
        found.append((group, name))
    return sorted({*found}) or (DEPLOYMENTS,)


async def _targets(asker: Getter) -> Sequence[_Target]:
    """Each kind once."""
    kinds: dict[_Target, None] = {}
    left = MOST
    async for page in pages(asker, POLICIES):
        kinds |= dict.fromkeys(each.spec.scale_target_ref for each in msgspec.json.decode(page, type=_Policies).items)
        left -= 1
        if not left:
            break
    return list(kinds)
