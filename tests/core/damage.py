"""Damaged pages, plans and samples for the compiled part: `damage.py SEED ROUNDS`, with `_native` on the path.

A process of its own, for it is run below a sanitizer (test_compiled.py), which ends it at the first byte out of bounds.
"""

from __future__ import annotations

import contextlib
import random
import struct
import sys

import _native

FAMILIES = ((b"cpu", b"4.75 1633253812125"), (b"memory", b"1.25e+07 1633253812125"), (b"start", b"1.6e+09"))
PAGE = b"".join(
    b'%s{container="c%d",pod="p"} %s\n' % (name, each, number) for name, number in FAMILIES for each in range(3)
) + (b'pod{pod="p"} 4.8 1633253812125\n# HELP x\nnode 17 1633253812125\nfailed 0\n')
CODES = [2, 6, 10, 3, 7, 11, 4, 8, 12, -1, 0, -2]
NOISE = b'{}" =\n#.e+-0123456789_NaN\r\t\x00\xff'
EXTREMES = (0, 1, 9, 2**62, -(2**63), 2**63 - 1)
HASHED, TEXTS = _native.texts(PAGE, 1)
PLAN = struct.pack(f"=Qii{len(CODES)}i", HASHED, 3, len(TEXTS), *CODES)


def damaged(chance: random.Random) -> bytes:
    page = bytearray(PAGE)
    for _ in range(chance.randrange(4)):
        at = chance.randrange(len(page) + 1)
        page[at : at + chance.randrange(3)] = bytes(chance.choices(NOISE, k=chance.choice((0, 1, 1, 2, 70))))
    return bytes(page[: chance.choice((len(page), len(page), chance.randrange(len(page) + 1)))])


def main(seed: int, rounds: int) -> int:
    """How many pages were read."""
    chance, read = random.Random(seed), 0
    for _ in range(rounds):
        page = damaged(chance)
        _native.texts(page, 1)
        read += _native.read(page, PLAN, 1) is not None
        plan = bytearray(PLAN)
        plan[chance.randrange(len(plan))] = chance.randrange(256)
        with contextlib.suppress(ValueError):
            _native.read(page, bytes(plan), 1)
        sample = struct.pack("=4q", *chance.choices(EXTREMES, k=4))
        row, received = bytearray(chance.randbytes(72)), chance.choice(EXTREMES)
        _native.take(sample, (row,), struct.pack("=i", 0), received, 2**63 - 1, 7)
    return read


if __name__ == "__main__":
    if not main(int(sys.argv[1]), int(sys.argv[2])):
        sys.exit("not one page was read: nothing was tried")
