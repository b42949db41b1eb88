"""A kubelet's `/metrics/resource` page (text exposition 0.0.4, or OpenMetrics) as a `Page`.

A kubelet repeats the same label texts at every scrape, so a decoder remembers what each of them means, or, of a page
without a fault, where all its numbers stand (pagelayout.py), and reads only those: one `ExpositionDecoder` per node. A
line that breaks the grammar costs that sample, never the page; numbers are numeral.py's.
"""

from __future__ import annotations

import re
import sys
from collections import Counter
from collections.abc import Set

from autoscaler.core.numeral import LIMIT, numeral
from autoscaler.core.openmetrics import is_openmetrics, plain
from autoscaler.core.pagelayout import CONTAINER, FAILURE, NODE, POD, Layout, layout_of
from autoscaler.core.podcounters import put_by
from autoscaler.errors import MalformedError
from autoscaler.model.metrics import ContainerId, Page, Sample

MAX_LINES = 50_000
MAX_LINE = 4096
REMEMBERED = 1024
"""Longer label texts are read anew every time, so that what a page leaves behind is bounded."""

Numbers = dict[int, bytes]
"""What followed the labels, by slot: a slot is an index into the ids a decoder has learned."""

_NANO = 10**9
_NAME = re.compile(rb"[ \t]*([a-zA-Z_:][a-zA-Z0-9_:]*)[ \t]*(?=[{ \t])")
_LABEL = re.compile(rb'[ \t]*([a-zA-Z_][a-zA-Z0-9_]*)[ \t]*=[ \t]*"((?:[^"\\]|\\[\\"n])*)"[ \t]*(?:,[ \t]*|$)')
_ESCAPE = re.compile(r'\\([\\"n])')


class ExpositionDecoder:
    """Decodes the pages of one node, one after the other."""

    def __init__(self) -> None:
        self._slots: dict[bytes, int] = {}
        self._ids: list[ContainerId] = []  # a pod has an empty container name
        self._layout: Layout | None = None

    def page(self, body: bytes, asked_ns: int) -> Page:
        """The samples of `body`; a line without a time gets `asked_ns`.

        MalformedError when not one line is what a kubelet would send: an error page, JSON, nothing at all.
        """
        if self._layout and (page := self._layout.read(body, asked_ns)):
            return page
        reading = _Reading(self._slots, self._ids)
        lines, foreign = _lines(body, reading.skipped), is_openmetrics(body)
        reading.read(plain(lines) if foreign else lines)
        page = reading.page(asked_ns)
        named = {labels: self._ids[slot] for labels, slot in self._slots.items()}
        self._layout = None if foreign else layout_of(body, page, named)
        if len(self._ids) > 2 * reading.width() + 64:  # most of it belongs to containers that are gone
            self._ids.clear()
            self._layout = None
        if self._layout or not self._ids:
            self._slots.clear()
        return page


class _Reading:
    """One page: first every line is sorted by family and slot, then the numbers are read."""

    def __init__(self, slots: dict[bytes, int], ids: list[ContainerId]) -> None:
        self.skipped: Counter[str] = Counter()
        self._slots = slots
        self._ids = ids
        self._index: dict[ContainerId, int] | None = None
        self._families: dict[bytes, Numbers | None] = {name: {} for name in CONTAINER + POD}
        self._bare: dict[bytes, bytes] = {}

    def read(self, lines: list[bytes]) -> None:
        """Sort `lines`; this loop is the hot one: what it does per line is all a known line costs."""
        families, slots = self._families, self._slots
        for line in lines:
            head, _, rest = line.partition(b"{")
            numbers = families.get(head)
            if numbers is None:
                if head not in families:
                    self._unusual(line)
                continue
            labels, _, number = rest.rpartition(b"} ")
            slot = slots.get(labels)
            if slot is None:
                self._unusual(line)
            elif slot in numbers:
                self.skipped["repeated"] += 1
            else:
                numbers[slot] = number

    def page(self, asked_ns: int) -> Page:
        """What has been read, in numbers."""
        whole = self._families[POD[0]] or {}
        containers = self._samples(CONTAINER, asked_ns)
        pods = self._samples(POD, asked_ns, {(cid.namespace, cid.pod) for cid in containers})
        if not (self._bare or any(self._families.values())):
            raise MalformedError("the page has no line of a kubelet's /metrics/resource")
        return Page(
            node=self._node(asked_ns),
            containers=containers,
            pods={(cid.namespace, cid.pod): sample for cid, sample in pods.items()},
            pod_cpu=put_by(b"\n".join(whole.values()), [self._ids[slot] for slot in whole], asked_ns),
            skipped=dict(self.skipped),
            failed=any(self._number(self._bare[name], 1)[0] for name in FAILURE if name in self._bare),
        )

    def width(self) -> int:
        """How many ids the page has."""
        return len(set().union(*(numbers for numbers in self._families.values() if numbers)))

    def _unusual(self, line: bytes) -> None:
        """A line the loop does not know: comments, blanks, series without labels, foreign families, faults."""
        name, labels, number = _parts(line)
        if not name:
            if number:
                self.skipped["syntax"] += 1
        elif name in NODE or name in FAILURE:
            self._bare.setdefault(name, number)
        elif (numbers := self._families.get(name)) is None:
            self._families[name] = None
        elif (slot := self._learned(labels, with_container=name in CONTAINER)) is None:
            return
        elif slot in numbers:
            self.skipped["repeated"] += 1
        else:
            numbers[slot] = number

    def _learned(self, labels: bytes, *, with_container: bool) -> int | None:
        """The slot of a label text; None (and counted) when it does not name a container, or a pod, as it should."""
        pairs = label_pairs(labels)
        if pairs is None:
            self.skipped["syntax"] += 1
            return None
        cid = ContainerId(*(sys.intern(pairs.get(name, "")) for name in ("namespace", "pod", "container")))
        if not cid.namespace or not cid.pod or bool(cid.container) != with_container:
            self.skipped["labels"] += 1
            return None
        if self._index is None:
            self._index = {known: slot for slot, known in enumerate(self._ids)}
        slot = self._index.setdefault(cid, len(self._ids))
        if slot == len(self._ids):
            self._ids.append(cid)
        if len(labels) <= REMEMBERED:
            self._slots[labels] = slot
        return slot

    def _samples(
        self, names: tuple[bytes, ...], asked_ns: int, served: Set[tuple[str, str]] = frozenset()
    ) -> dict[ContainerId, Sample]:
        """The samples of the families `names` (CPU, memory and, of containers, start time) but for pods in `served`."""
        cpu, memory, start = ((self._families.get(name) or {}) for name in names)
        plain = not any(b"_" in b"".join(numbers.values()) for numbers in (cpu, memory, start))  # float("1_0") is 10.0
        samples = {}
        for slot in cpu.keys() | memory.keys() | start.keys():
            cid = self._ids[slot]
            if bool(cid.container) != (names is CONTAINER):  # remembered from a family of the other kind
                self.skipped["labels"] += sum(slot in numbers for numbers in (cpu, memory, start))
                continue
            if served and (cid.namespace, cid.pod) in served:
                continue
            texts = cpu.get(slot), memory.get(slot), start.get(slot)
            sample = _plain_sample(*texts, asked_ns) if plain else None
            samples[cid] = sample or self._sample(*texts, asked_ns)
        return samples

    def _sample(self, cpu: bytes | None, memory: bytes | None, start: bytes | None, asked_ns: int) -> Sample:
        """A sample of whatever can be read; its time is that of the CPU line, for the rate is made of that."""
        cpu_ns, at = self._number(cpu, _NANO)
        used, memory_at = self._number(memory, 1)
        start_ns, _ = self._number(start, _NANO)
        if at is None:
            at = asked_ns if memory_at is None else memory_at
        return Sample(at, cpu_ns, used, start_ns or None)

    def _node(self, asked_ns: int) -> Sample | None:
        """The node's own sample."""
        cpu, memory = (self._bare.get(name) for name in NODE)
        if cpu is None and memory is None:
            return None
        return self._sample(cpu, memory, None, asked_ns)

    def _number(self, text: bytes | None, scale: int) -> tuple[int | None, int | None]:
        """`trunc(value * scale)` and the line's time in ns; (None, None) when missing, or malformed and counted."""
        if text is None:
            return None, None
        try:
            return numeral(text, scale)
        except ValueError:
            self.skipped["number"] += 1
            return None, None


def _plain_sample(cpu: bytes | None, memory: bytes | None, start: bytes | None, asked_ns: int) -> Sample | None:
    """The sample when all is there and written as kubelets write it; None = look closer."""
    if cpu is None or memory is None:
        return None
    value, _, time = cpu.partition(b" ")
    used, _, used_time = memory.partition(b" ")
    if used_time and not time:
        return None
    try:
        cpu_ns = float(value) * 1e9
        bytes_used = float(used)
        start_ns = 0.0 if start is None else float(start) * 1e9
        at_ns = int(time) * 1_000_000 if time else asked_ns
        if used_time != time:
            int(used_time)
    except ValueError:
        return None
    if 0 <= cpu_ns < LIMIT and 0 <= bytes_used < LIMIT and 0 <= start_ns < LIMIT and 0 <= at_ns < LIMIT:
        return Sample(at_ns, int(cpu_ns), int(bytes_used), int(start_ns) or None)
    return None


def label_pairs(text: bytes) -> dict[str, str] | None:
    """The labels between the braces, unescaped; None when they break the grammar or are no UTF-8."""
    pairs: dict[str, str] = {}
    at = 0
    while at < len(text):
        label = _LABEL.match(text, at)
        if label is None:
            return None
        try:
            name, value = label[1].decode(), label[2].decode()
        except UnicodeDecodeError:
            return None
        if name in pairs:
            return None
        pairs[name] = _ESCAPE.sub(lambda escape: "\n" if escape[1] == "n" else escape[1], value)
        at = label.end()
    return pairs


def _parts(line: bytes) -> tuple[bytes, bytes, bytes]:
    """Family, labels and number of a line; an empty family means a comment or a blank (no number) or a fault."""
    match = _NAME.match(line)
    if match is None:
        text = line.strip()
        return b"", b"", b"" if text.startswith(b"#") else text
    rest = line[match.end() :]
    if not rest.startswith(b"{"):
        return match[1], b"", rest.removeprefix(b" ")
    labels, brace, number = rest[1:].rpartition(b"}")
    return (match[1], labels, number.removeprefix(b" ")) if brace else (b"", b"", line)


def _lines(body: bytes, skipped: Counter[str]) -> list[bytes]:
    """The lines within the limits; the others are counted."""
    lines = body.split(b"\n", MAX_LINES)
    if len(lines) > MAX_LINES and (cut := lines.pop()):
        skipped["limit"] += cut.count(b"\n") + 1
    if max(map(len, lines)) > MAX_LINE:
        short = [line for line in lines if len(line) <= MAX_LINE]
        skipped["long"] += len(lines) - len(short)
        return short
    return lines
