from pathlib import Path

from autoscaler.config.options import OPTIONS
from autoscaler.core.remedies import REMEDIES
from autoscaler.errors import ScrapeReason


def test_there_is_one_line_for_every_reason() -> None:
    assert set(REMEDIES) == set(ScrapeReason)
    assert all(line and "\n" not in line and len(line) < 160 for line in REMEDIES.values())


def test_every_flag_it_names_is_one_of_ours() -> None:
    flags = {
        word.strip(",;:()") for line in REMEDIES.values() for word in line.split() if word.startswith(("--", "(--"))
    }
    assert {flag.partition("=")[0] for flag in flags} <= {option.flag for option in OPTIONS.values()}


def test_every_fault_of_a_certificate_is_on_its_page() -> None:
    page = (Path(__file__).parents[2] / "docs/kubelet-certificates.md").read_text()
    assert all(f"| `{reason}` |" in page for reason in ScrapeReason if reason.startswith("tls"))
