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
