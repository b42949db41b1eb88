"""HTML and SVG, escaped by construction: a text can only become markup through `element`."""

from __future__ import annotations

from html import escape

VOID = frozenset({"meta", "br", "wbr", "hr", "col"})
"""Elements of HTML that have no end tag."""


class Markup(str):
    """Text that is markup already."""

    __slots__ = ()


def element(tag: str, /, *children: str, **attributes: str | float | None) -> Markup:
    """`<tag attributes>children</tag>`; what is not Markup is escaped.

    Of a name like `class_` the last underscore is dropped, others become `-`: `aria_label`. None: no such attribute.
    """
    said = "".join(
        f' {key.removesuffix("_").replace("_", "-")}="{text(str(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    if tag in VOID:
        return Markup(f"<{tag}{said}>")
    return Markup(f"<{tag}{said}>{joined(*children)}</{tag}>")


def joined(*parts: str) -> Markup:
    """All of them, one behind the other."""
    return Markup("".join(part if isinstance(part, Markup) else text(part) for part in parts))


def text(of: str) -> Markup:
    """`of` as it is read: escaped, and without characters that would steer (control, direction) or are not allowed."""
    if not of.isprintable():
        of = "".join(each if each.isprintable() or each == "\n" else "\N{REPLACEMENT CHARACTER}" for each in of)
    return Markup(escape(of))
