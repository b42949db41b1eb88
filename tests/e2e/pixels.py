"""What is in a PNG as browsers write it: 8 bits a channel, not interlaced."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from itertools import islice

from msgspec import Struct

Colour = tuple[int, int, int]


class Image(Struct, frozen=True):
    """Rows of colours, top down."""

    width: int
    rows: list[list[Colour]]


def decoded(png: bytes, rows: int) -> Image:
    """So many rows of the picture from the top; ValueError when it is of another kind."""
    header, data = b"", b""
    for kind, body in _chunks(png):
        if kind == b"IHDR":
            header = body
        elif kind == b"IDAT":
            data += body
    width, depth, colours, interlaced = int.from_bytes(header[:4], "big"), header[8], header[9], header[12]
    if depth != 8 or colours not in (2, 6) or interlaced:
        raise ValueError("not a plain PNG with red, green and blue")
    size = 3 if colours == 2 else 4
    lines = _lines(zlib.decompress(data), width * size, size)
    return Image(width, [list(_colours(line, size)) for line in islice(lines, rows)])


def _chunks(png: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = 8
    while at < len(png):
        length = int.from_bytes(png[at : at + 4], "big")
        yield png[at + 4 : at + 8], png[at + 8 : at + 8 + length]
        at += length + 12


def _colours(line: bytearray, size: int) -> Iterator[Colour]:
    return zip(line[0::size], line[1::size], line[2::size], strict=True)


def _lines(data: bytes, length: int, size: int) -> Iterator[bytearray]:
    """Lines with their filter undone (PNG specification, chapter 9)."""
    above = bytearray(size + length)
    for start in range(0, len(data), length + 1):
        # as many zeros before the line as a pixel has bytes, so that the first pixel has a left neighbour too
        line = bytearray(size) + data[start + 1 : start + 1 + length]
        _FILTERS[data[start]](line, above, size)
        yield line[size:]
        above = line


def _none(line: bytearray, above: bytearray, size: int) -> None:
    """As it is."""


def _sub(line: bytearray, above: bytearray, size: int) -> None:
    for at in range(size, len(line)):
        line[at] = line[at] + line[at - size] & 255


def _up(line: bytearray, above: bytearray, size: int) -> None:
    line[:] = bytes(one + other & 255 for one, other in zip(line, above, strict=True))


def _average(line: bytearray, above: bytearray, size: int) -> None:
    for at in range(size, len(line)):
        line[at] = line[at] + (line[at - size] + above[at] >> 1) & 255


def _paeth(line: bytearray, above: bytearray, size: int) -> None:
    for at in range(size, len(line)):
        left, over, corner = line[at - size], above[at], above[at - size]
        by_left, by_over, by_corner = abs(over - corner), abs(left - corner), abs(left + over - 2 * corner)
        guess = left if by_left <= by_over and by_left <= by_corner else over if by_over <= by_corner else corner
        line[at] = line[at] + guess & 255


_FILTERS = (_none, _sub, _up, _average, _paeth)
