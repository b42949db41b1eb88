"""Where the numbers of a kubelet's page stand, for as long as the text between them stays the same.

Pages of one kubelet differ in their numbers only, until a container comes or goes. So what stands between the numbers
is hashed as the page is read: a page of the same hash has the same lines, and its numbers are those of the same series.
The hash is keyed anew in every process, and whoever could forge it would fool us about its own node. Nothing of the
text is kept. Reading by a layout is compiled; without that there are no layouts, and every page is read line by line.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from struct import Struct

from autoscaler.core.compiled import native
from autoscaler.core.podcounters import put_by
from autoscaler.model.metrics import ContainerId, Page, SampleBlock

CONTAINER = (
    b"container_cpu_usage_seconds_total",
    b"container_memory_working_set_bytes",
    b"container_start_time_seconds",
)
POD = (b"pod_cpu_usage_seconds_total", b"pod_memory_working_set_bytes", b"pod_start_time_seconds")
NODE = (b"node_cpu_usage_seconds_total", b"node_memory_working_set_bytes")
FAILURE = (b"resource_scrape_error", b"scrape_error")

_SEED = hash(b"the texts between the numbers") & (2**64 - 1)
_HEAD = Struct("=Qii")
_PASSED_OVER, _WHOLE, _MUST_BE_ZERO = 0, -1, -2
_MAY_FAIL = frozenset({*FAILURE, b""})
"""Whatever labels and blanks are about the name; "": the line begins with blanks, its name is in the number."""


class Layout:
    """The layout of one page: `plan` is `native.read`'s, `ids` are its containers and `owners` the pods of its
    pod-level CPU lines, in the order of their lines; behind the containers' samples may be the node's own.
    """

    __slots__ = ("_ids", "_own", "_owners", "_plan")

    def __init__(
        self, plan: bytes, ids: tuple[ContainerId, ...], owners: tuple[ContainerId, ...], *, own: bool
    ) -> None:
        self._plan, self._ids, self._owners, self._own = plan, ids, owners, own

    def read(self, body: bytes, asked_ns: int) -> Page | None:
        """What a page of this layout says; None for any other, or when it is not written as kubelets write it."""
        found = native.read(body, self._plan, _SEED)
        if found is None:
            return None
        samples, counters = SampleBlock(self._ids, found[0]), found[1]
        return Page(
            node=samples.sample(len(self._ids)) if self._own else None,
            containers=samples,
            pod_cpu=put_by(counters, self._owners, asked_ns),
        )


def layout_of(body: bytes, page: Page, named: Mapping[bytes, ContainerId]) -> Layout | None:
    """The layout of a page that was read line by line without a fault; `named` says whose each label text is.

    None when reading it by its layout would not give the same `page`.
    """
    if native is None or page.pods or page.skipped:
        return None
    hashed, texts = native.texts(body, _SEED)
    ids = tuple(page.containers)
    places = {cid: at for at, cid in enumerate(ids)}
    codes = list(_codes(texts, places, named))
    owners = tuple(
        [named[text.partition(b"{")[2][:-2]] for text, code in zip(texts, codes, strict=True) if code == _WHOLE]
    )
    rows = len(ids) + (page.node is not None)
    if rows > len(codes):  # some are written otherwise than kubelets do
        return None
    plan = _HEAD.pack(hashed, rows, len(codes)) + Struct(f"={len(codes)}i").pack(*codes)
    made = Layout(plan, ids, owners, own=page.node is not None)
    asked_ns = page.pod_cpu.asked_ns if page.pod_cpu else 0
    return made if made.read(body, asked_ns) == page else None


def _codes(
    texts: Sequence[bytes], places: Mapping[ContainerId, int], named: Mapping[bytes, ContainerId]
) -> Iterator[int]:
    """What becomes of each number; the node's stand behind the containers'."""
    bare = set[bytes]()
    for text in texts:
        name, brace, labels = text.partition(b"{")
        if name.strip() in _MAY_FAIL:
            yield _MUST_BE_ZERO
        elif brace:
            cid = named.get(labels[:-2])
            if cid and cid in places and name in CONTAINER:
                yield _code(places[cid], CONTAINER.index(name))
            else:
                yield _WHOLE if cid and name == POD[0] else _PASSED_OVER
        elif text in bare:  # the first counts
            yield _PASSED_OVER
        else:
            bare.add(text)
            name = name[:-1]
            yield _code(len(places), NODE.index(name)) if name in NODE else _PASSED_OVER


def _code(row: int, family: int) -> int:
    """That of a number of the first, second or third family of its kind: CPU, memory, start time."""
    return 1 + row * 4 + 1 + family
