from contextlib import closing
from pathlib import Path

from autoscaler.app.records import SpoolRecords
from autoscaler.audit import codec
from autoscaler.audit.entry import Entry
from autoscaler.audit.event import from_line
from autoscaler.audit.spool import Spool
from autoscaler.model.instant import parse_instant
from tests.audit.samples import NOON, decision


def test_the_last_records_of_a_name_are_read_while_the_spool_is_written(tmp_path: Path) -> None:
    with closing(Spool(tmp_path, now=NOON, forwarding=True)) as spool:
        made = [decision(number) for number in (1, 2, 3)]
        spool.append([Entry(each.key, parse_instant(each.time), True, codec.encode(each)) for each in made])
        records = SpoolRecords(tmp_path)
        assert [from_line(line, "").number.seq for line in records.latest("shop", "web", 2)] == [2, 3]
        assert list(records.latest("shop", "cart", 2)) == []
