"""Where the numbers of a kubelet's page stand, for as long as the text between them stays the same.

Pages of one kubelet differ in their numbers only, until a container comes or goes. So a page is cut at the end of every
label set, and what remains without the numbers is compared at once, by its hash: Python's is keyed anew in every
process, and whoever could forge it would fool us about its own node. Nothing of the text is kept.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence, Set
from operator import itemgetter

LARGEST = 1 << 18
"""A longer page has no layout, so that what it leaves behind is bounded."""
LONGEST_NUMBER = 64
"""Of number and time together; longer ones are for whoever reads line by line and has limits."""
WHOLE = b"*"
"""In place of a family: all numbers of the one that is read whole, too."""
_END = b"} "

Numbers = dict[int, bytes]
"""What followed the labels, by slot: a slot is an index into the ids a decoder has learned."""
Read = tuple[dict[bytes, Numbers], dict[bytes, bytes]]
"""The numbers of each family, and of the families without labels."""


class Layout:
    """The layout of one page. `places` say of each family which slots it has and which numbers are theirs."""

    def __init__(self, texts: list[bytes], places: Mapping[bytes, Mapping[int, int]], bare: Collection[bytes]) -> None:
        self._bare = frozenset(bare)
        ends = [text[: text.rfind(b"\n") + 1] for text in texts]  # labels stand behind: no family without them
        self._mixed = tuple(at for at, end in enumerate(ends) if end and any(name in end for name in bare))
        self._families = {name: (tuple(slots), _taking([*slots.values()])) for name, slots in places.items() if slots}
        self._texts = len(texts)
        self._hash = self._without_numbers(texts, {})

    def read(self, body: bytes) -> Read | None:
        """What a page of this layout has; None for any other."""
        if len(body) > LARGEST:
            return None
        texts, numbers = _cut(body)
        if len(texts) != self._texts or max(map(len, numbers), default=0) > LONGEST_NUMBER:
            return None
        bare: dict[bytes, bytes] = {}
        if self._without_numbers(texts, bare) != self._hash:
            return None
        found = {name: dict(zip(slots, take(numbers), strict=True)) for name, (slots, take) in self._families.items()}
        return found, bare

    def _without_numbers(self, texts: list[bytes], bare: dict[bytes, bytes]) -> int:
        """Take the numbers of the bare families out of `texts`, into `bare`; the hash of what is left."""
        for at in self._mixed:
            lines = texts[at].split(b"\n")
            for index, line in enumerate(lines):
                name, _, number = line.partition(b" ")
                if name in self._bare:
                    bare.setdefault(name, number)
                    lines[index] = name
            texts[at] = b"\n".join(lines)
        return hash(_END.join(texts))


def layout_of(
    body: bytes,
    families: Mapping[bytes, Numbers],
    bare: Mapping[bytes, bytes],
    ignored: Set[int] = frozenset(),
    *,
    whole: bytes = b"",
) -> Layout | None:
    """The layout of a page that was read line by line without a fault, but for the slots nobody asks for.

    The family `whole` is also read with these, as `WHOLE`.

    None when reading it by its layout would not give the same.
    """
    if len(body) > LARGEST:
        return None
    texts, numbers = _cut(body)
    wanted, places = {}, {}
    standing = _places(texts[: len(numbers)])
    for name, found in families.items():
        at = standing.get(name, [])
        if len(at) != len(found):
            return None
        wanted[name] = {slot: number for slot, number in found.items() if slot not in ignored}
        places[name] = {slot: place for slot, place in zip(found, at, strict=True) if slot not in ignored}
        if name == whole:
            wanted[WHOLE], places[WHOLE] = dict(found), dict(zip(found, at, strict=True))
    made = Layout(texts, places, bare)
    return made if made.read(body) == ({name: each for name, each in wanted.items() if each}, bare) else None


def _cut(body: bytes) -> tuple[list[bytes], list[bytes]]:
    """The texts and the numbers of a page: each number stands behind the text of the same index."""
    first, *pieces = body.split(_END)
    cut = [piece.partition(b"\n") for piece in pieces]
    return [first, *[piece[2] for piece in cut]], [piece[0] for piece in cut]


def _places(texts: Sequence[bytes]) -> dict[bytes, list[int]]:
    """Which numbers are each family's."""
    places: dict[bytes, list[int]] = {}
    for at, text in enumerate(texts):
        places.setdefault(text[text.rfind(b"\n") + 1 :].partition(b"{")[0], []).append(at)
    return places


def _taking(places: Sequence[int]) -> Callable[[list[bytes]], Sequence[bytes]]:
    """Takes the numbers at `places` out of all."""
    run = slice(places[0], places[0] + len(places))
    if list(places) == list(range(run.start, run.stop)):
        return itemgetter(run)
    return lambda numbers: [numbers[at] for at in places]
