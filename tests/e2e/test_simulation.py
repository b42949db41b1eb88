"""The lines that the simulated cluster prints, typed as they are."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.e2e.requirements import need
from tests.pages import ROOT
from tests.simulation import running, words_of


def test_its_line_for_kubectl_changes_it(tmp_path: Path) -> None:
    with running(tmp_path / "kubeconfig") as told:
        _, *words = words_of(told, "kubectl")
        done = subprocess.run(
            [need("kubectl"), *words], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
        )
    assert done.stdout.splitlines() == [
        f"{each} created"
        for each in ("namespace/shop", "deployment.apps/web", "horizontalpodscaler.hpa-companion.dev/web")
    ], done.stderr
