"""The doctor asks for what the chart grants: no right is forgotten, and none is asked for that nobody gives."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from autoscaler.cli.needs import Need, needed
from autoscaler.config.load import load

GOLDEN = Path(__file__).resolve().parents[1] / "e2e/rbac"
ACCOUNT = "try-hpa-companion"
CHART = {
    "kubelet-token-account": f"metrics/{ACCOUNT}-scraper",
    "tls-issue-secret-name": f"{ACCOUNT}-serving",
    "tls-issue-namespace": "metrics",
    "tls-issue-service": ACCOUNT,
}
"""Flags of the chart's default."""
ELSEWHERE = {"leases.coordination.k8s.io", f"leases.coordination.k8s.io {ACCOUNT}"}
"""Asked for by `leasecheck`."""
BUILT_IN = {
    "tokenreviews.authentication.k8s.io",
    "subjectaccessreviews.authorization.k8s.io",
    "configmaps extension-apiserver-authentication",
}
"""By roles of Kubernetes' own, which the chart binds."""


def asked(needs: list[Need]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for right in (right for need in needs for right in need.rights):
        found.setdefault(f"{right} {right.name}".strip(), set()).update(right.verbs)
    return found


def granted(golden: str) -> dict[str, set[str]]:
    """To the account of the program; of the others' roles, none."""
    found: dict[str, set[str]] = {}
    program = rf"(?:ClusterRole {ACCOUNT}|Role metrics/{ACCOUNT}-(?:leader-election|scraper|serving))"
    for line in (GOLDEN / f"{golden}.txt").read_text().splitlines():
        if match := re.fullmatch(rf"{program}: (\S+) (\S+)(?: named (\S+))?", line):
            for resource in match[2].split(","):
                for name in (match[3] or "").split(","):
                    found.setdefault(f"{resource} {name}".strip(), set()).update(match[1].split(","))
    return found


@pytest.mark.parametrize(
    ("golden", "flags"),
    [
        pytest.param("default", CHART, id="the chart's default"),
        pytest.param(
            "cert-manager", {"kubelet-token-account": CHART["kubelet-token-account"]}, id="others issue the certificate"
        ),
        pytest.param(
            "one-account",
            {name: value for name, value in CHART.items() if name.startswith("tls")},
            id="one account for everything",
        ),
    ],
)
def test_what_is_asked_for_is_what_the_chart_grants(golden: str, flags: dict[str, str]) -> None:
    wanted = {what: verbs for what, verbs in asked(needed(load(flags, {}))).items() if what not in BUILT_IN}
    given = {what: verbs for what, verbs in granted(golden).items() if what not in ELSEWHERE}
    assert wanted == given


def test_where_something_else_is_scaled_that_is_asked_for_as_the_chart_grants_it() -> None:
    needs = needed(load(CHART, {}), [("apps", "statefulsets")])
    wanted = {what: verbs for what, verbs in asked(needs).items() if what not in BUILT_IN}
    assert wanted == {what: verbs for what, verbs in granted("statefulsets").items() if what not in ELSEWHERE}


def test_an_observer_is_granted_all_but_what_it_is_spared() -> None:
    needs = needed(load({"observe-hpas": "true"}, {}))
    kept = [need for need in needs if not need.spared]
    wanted = {what: verbs for what, verbs in asked(kept).items() if what not in BUILT_IN}
    assert wanted == granted("observe")
    assert [need.what for need in needs if need.spared] == ["scale"]


def test_beside_whoever_is_registered_the_right_to_write_into_registrations_is_spared() -> None:
    kept = [need for need in needed(load(CHART, {})) if not need.spared]
    wanted = {what: verbs for what, verbs in asked(kept).items() if what not in BUILT_IN}
    assert wanted == {what: verbs for what, verbs in granted("beside").items() if what not in ELSEWHERE}


def test_the_summary_source_needs_another_page() -> None:
    [scraping] = [need for need in needed(load({"kubelet-source": "summary"}, {})) if need.what == "scrape kubelets"]
    assert [str(right) for right in scraping.rights] == ["nodes/stats"]


def test_where_kubelets_are_shown_the_token_of_another_account_we_must_be_given_that() -> None:
    needs = {need.what: need.rights for need in needed(load(CHART, {}))}
    assert "scrape kubelets" not in needs, "that is not for our account to have"
    [right] = needs["get a token for kubelets"]
    assert (right.namespace, right.name) == ("metrics", f"{ACCOUNT}-scraper")
