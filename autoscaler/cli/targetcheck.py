"""What there is to scale, for the doctor: the kinds that policies name, whose rights the chart gives one by one."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Protocol

import msgspec
from msgspec import Struct

from autoscaler.cli.needs import DEPLOYMENTS
from autoscaler.errors import KubeError
from autoscaler.kube.discovery import group_of

POLICIES = "/apis/hpa-companion.dev/v1alpha1/horizontalpodscalers"
PAGE, MOST = 500, 20
"""Policies in one list, and lists: beyond them a kind is seen that is among the first."""


class Asker(Protocol):
    """`kube.client.KubeClient`."""

    async def get(self, path: str, params: Iterable[tuple[str, str]] = ()) -> bytes: ...


class _Target(Struct, frozen=True, rename="camel"):
    api_version: str = ""
    kind: str = ""


class _Spec(Struct, frozen=True, rename="camel"):
    scale_target_ref: _Target = _Target()


class _Policy(Struct, frozen=True):
    spec: _Spec = _Spec()


class _Meta(Struct, frozen=True):
    token: str = msgspec.field(name="continue", default="")


class _Policies(Struct, frozen=True):
    items: tuple[_Policy, ...] = ()
    metadata: _Meta = _Meta()


async def scaled(asker: Asker, resource: Callable[[str, str], Awaitable[str]]) -> Sequence[tuple[str, str]]:
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


async def _targets(asker: Asker) -> Sequence[_Target]:
    """Each kind once."""
    kinds: dict[_Target, None] = {}
    token = ""
    for _ in range(MOST):
        params = [("limit", str(PAGE)), *([("continue", token)] if token else [])]
        part = msgspec.json.decode(await asker.get(POLICIES, params), type=_Policies)
        kinds |= dict.fromkeys(each.spec.scale_target_ref for each in part.items)
        token = part.metadata.token
        if not token:
            break
    return list(kinds)
