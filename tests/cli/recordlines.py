"""A record as the lines of a file, as `audit export` writes them, what may have become of them, and its replay."""

import io

from msgspec.structs import replace

from autoscaler.audit import codec, event
from autoscaler.audit.event import Event
from autoscaler.audit.verify import Number
from autoscaler.cli import replay
from autoscaler.cli.replay import Request
from autoscaler.config.load import load
from bench import week

LOAD = 1200


def lines(decisions):
    for seq, each in enumerate(week.records(decisions), 1):
        yield line(each, 1, seq)


def line(made, epoch, seq):
    number, body = Number(made.key, epoch, seq), codec.encode(made)
    told = Event(number=number, id=made.id, time=made.time, type=codec.DECISION_TYPE, body=body)
    return event.line(told) + b"\n"


def steady(path):
    """Ten minutes of one target under the same load."""
    path.write_bytes(b"".join(lines(week.decisions(lambda _: LOAD, 600))))
    return path


def two_alike():
    """The same of two targets."""
    made = [
        replace(each, target=replace(each.target, name=name))
        for name in ("web", "api")
        for each in week.records(week.decisions(lambda _: LOAD, 600))
    ]
    return [line(each, 1 + (each.target.name == "api"), seq) for seq, each in enumerate(made, 1)]


def replayed(**words):
    """Exit code, and what is written to standard output."""
    out = io.StringIO()
    code = replay.run(load({}, {}), Request(**words), out)
    return code, out.getvalue()


def in_turns():
    """Spools 9 and 4 take turns; the write that ended the second is recorded once more by the third."""
    made = list(week.records(week.decisions(lambda after: 1200 if after < 300 else 4000, 1200)))
    each, seqs, text = len(made) // 4, {9: 0, 4: 0}, []
    for number, one in enumerate(made):
        turn = min(number // each, 3)
        epoch = (9, 4, 9, 4)[turn]
        told = replace(one, leadership=turn + 1)
        seqs[epoch] += 1
        text.append(line(told, epoch, seqs[epoch]))
        if turn == 1 and told.outcome == "written":
            seqs[9] += 1
            text.append(line(replace(told, stages=(), basis=None, repeats=()), 9, seqs[9]))
    return made, text


def rewritten(record, path, change):
    """Where the record stands with its lines changed."""
    path.write_bytes(b"".join(change(record.read_bytes().splitlines(keepends=True))))
    return str(path)


def numbered(text, seq):
    """The line with another number."""
    head, _, rest = text.partition(b'"seq":')
    return head + b'"seq":%d,' % seq + rest.partition(b",")[2]


def others(text):
    """Between the records an order, one without the place of a record, and a record of a later type without one."""
    order, later = b"com.example.order", codec.DECISION_TYPE.replace("v1", "v2").encode()
    known = codec.DECISION_TYPE.encode()
    placeless = text[0].replace(b'"epoch"', b'"era"')
    return [
        placeless.replace(known, order), *text[:2], text[1].replace(known, order), placeless.replace(known, later),
        *text[2:5], text[5].replace(known, later), *text[6:],
    ]  # fmt: skip
