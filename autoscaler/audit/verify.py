"""Whether a stream of records is whole: every number once, in order, per target and epoch."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct


class Number(Struct, frozen=True):
    """What a record says about its place: the message key and the `epoch`, `seq` and `shed` headers."""

    key: str
    epoch: int
    seq: int
    shed: int = 0


class Fault(Struct, frozen=True):
    """Numbers `first` to `last` of one target and epoch that are missing, came twice or came late."""

    key: str
    epoch: int
    first: int
    last: int


class Verdict(Struct, frozen=True, kw_only=True):
    """What was found. Duplicates are legal (delivery is at least once), and numbers are `shed` by a spool without room,
    which tells so; the other two are not.
    """

    records: int
    targets: int
    duplicates: tuple[Fault, ...] = ()
    missing: tuple[Fault, ...] = ()
    late: tuple[Fault, ...] = ()
    shed: tuple[Fault, ...] = ()

    @property
    def whole(self) -> bool:
        """Nothing is missing, and what came first came in order."""
        return not self.missing and not self.late


class _Lane:
    """The numbers of one target in one epoch: the highest one, and the holes below it as [first, last]."""

    def __init__(self, start: int) -> None:
        self.last = start
        self.holes: list[tuple[int, int]] = []

    def fill(self, seq: int) -> bool:
        """Take `seq` out of the hole it lies in; False when it lies in none."""
        for index, (first, last) in enumerate(self.holes):
            if first <= seq <= last:
                self.holes[index : index + 1] = [
                    hole for hole in ((first, seq - 1), (seq + 1, last)) if hole[0] <= hole[1]
                ]
                return True
        return False


def verify(numbers: Iterable[Number], *, from_start: bool = True) -> Verdict:
    """Judge records in the order they were read. `from_start`: the first record of each epoch must be number 1.

    Epochs do not wait for each other: a replica that led before may deliver its tail after its successor's first ones.
    """
    lanes: dict[tuple[str, int], _Lane] = {}
    duplicates: list[Fault] = []
    late: list[Fault] = []
    shed: list[Fault] = []
    count = 0
    for count, number in enumerate(numbers, 1):  # noqa: B007 - how many there were
        lane = lanes.get((number.key, number.epoch))
        if lane is None:
            lane = lanes[number.key, number.epoch] = _Lane(0 if from_start else number.seq - 1)
        fault = Fault(number.key, number.epoch, number.seq, number.seq)
        if number.seq > lane.last:
            told = min(number.shed, number.seq - lane.last - 1)
            if told:
                shed.append(Fault(number.key, number.epoch, number.seq - told, number.seq - 1))
            if number.seq - told > lane.last + 1:
                lane.holes.append((lane.last + 1, number.seq - told - 1))
            lane.last = number.seq
        elif lane.fill(number.seq):
            late.append(fault)
        else:
            duplicates.append(fault)
    return Verdict(
        records=count,
        targets=len({key for key, _ in lanes}),
        duplicates=tuple(duplicates),
        missing=tuple(Fault(*lane, *hole) for lane, state in lanes.items() for hole in state.holes),
        late=tuple(late),
        shed=tuple(shed),
    )
