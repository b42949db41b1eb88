"""Lines of an OpenMetrics 1.0 page as lines of the text exposition 0.0.4, which is all that is read.

We do not ask for it, but a proxy in between may answer so. What differs for us: times are seconds, not milliseconds,
and an exemplar may stand behind a number. Such a page ends in `# EOF`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

_EOF = b"# EOF"
_LINE = re.compile(
    rb"([a-zA-Z_:][a-zA-Z0-9_:]*(?:\{(?:[^\"}]|\"(?:[^\"\\]|\\.)*\")*\})? [^ #]+)"  # the series and its number
    rb"(?: ([0-9]{1,12})(?:\.([0-9]{1,9}))?)?"  # the time
    rb"(?: # \{(?:[^\"}]|\"(?:[^\"\\]|\\.)*\")*\} [^ #]+(?: [^ #]+)?)?"  # the exemplar
)


def is_openmetrics(body: bytes) -> bool:
    """Whether a page ends as OpenMetrics has to."""
    return body[-len(_EOF) - 2 :].rstrip(b"\n").endswith(b"\n" + _EOF)


def plain(lines: Iterable[bytes]) -> list[bytes]:
    """The lines in the other format; one that breaks the grammar is left as it is, for whoever counts those."""
    return [_plain(line) for line in lines]


def _plain(line: bytes) -> bytes:
    found = _LINE.fullmatch(line)
    if found is None:  # marked, or its time might pass for one in milliseconds
        return line if line.startswith(b"#") or not line else b"%b?" % line
    series, seconds, fraction = found.groups()
    return series if seconds is None else b"%b %b%b" % (series, seconds, (fraction or b"").ljust(3, b"0")[:3])
