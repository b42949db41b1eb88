"""Label and field selectors: text in, a matcher out, parsed once.

Grammar and meaning are those of k8s.io/apimachinery `labels.Parse` and `fields.ParseSelector`; "" selects everything.
Every fault is a `MalformedError` that says where in the text it is.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import NoReturn

from msgspec import Struct

from autoscaler.errors import MalformedError

_TOKEN = re.compile(r"[ \t\r\n]*(==|!=|[=!(),<>]|[^ \t\r\n=!(),<>]+|$)")
_NAME = re.compile(r"(?:[A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]")
_SUBDOMAIN = re.compile(r"[a-z0-9](?:[-a-z0-9]*[a-z0-9])?(?:\.[a-z0-9](?:[-a-z0-9]*[a-z0-9])?)*")
_INTEGER = re.compile(r"[+-]?[0-9]+")
REMEMBERED = 256
"""Longer texts are parsed anew every time: a thousand terms take 150 KB, and anybody may ask for thousands of such."""
_SYMBOLS = frozenset({"", "=", "==", "!=", "!", "(", ")", ",", "<", ">"})
_OPERATORS = {"==": "="} | {each: each for each in ("=", "in", "!=", "notin", "<", ">")}


class Requirement(Struct, frozen=True, order=True):
    """One term: `operator` is =, !=, in, notin, exists, absent, < or >."""

    key: str
    operator: str
    values: tuple[str, ...] = ()

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Whether the labels satisfy this term; a missing label satisfies !=, notin and absent only."""
        value = labels.get(self.key)
        match self.operator:
            case "=" | "in":
                return value in self.values
            case "!=" | "notin":
                return value not in self.values
            case "exists":
                return value is not None
            case "absent":
                return value is None
        if value is None or not _INTEGER.fullmatch(value):
            return False
        return int(value) < int(self.values[0]) if self.operator == "<" else int(value) > int(self.values[0])

    def __str__(self) -> str:
        match self.operator:
            case "exists":
                return self.key
            case "absent":
                return f"!{self.key}"
            case "in" | "notin":
                return f"{self.key} {self.operator} ({','.join(self.values)})"
        return f"{self.key}{self.operator}{self.values[0]}"


class Selector(Struct, frozen=True):
    """All requirements must hold; none at all selects everything."""

    requirements: tuple[Requirement, ...] = ()

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Whether an object with these labels is selected."""
        for requirement in self.requirements:  # noqa: SIM110 - a generator per pod doubles the cost
            if not requirement.matches(labels):
                return False
        return True

    def __str__(self) -> str:
        return ",".join(str(requirement) for requirement in self.requirements)


class _Reader:
    """Tokens of one label selector text, one of lookahead."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = list(self._scan(text))
        self._next = 0

    @staticmethod
    def _scan(text: str) -> Iterator[tuple[str, int]]:
        position = 0
        while match := _TOKEN.match(text, position):
            yield match[1], match.start(1)
            if match[1] == "":
                return
            position = match.end()

    @property
    def head(self) -> str:
        """The token that comes next; "" at the end."""
        return self._tokens[self._next][0]

    def take(self) -> str:
        """The next token, consumed; the end stays where it is."""
        token = self.head
        if token:
            self._next += 1
        return token

    def word(self, expected: str) -> str:
        """The next token, which must not be a symbol."""
        if self.head in _SYMBOLS:
            self.fail(expected)
        return self.take()

    def fail(self, expected: str) -> NoReturn:
        """Refuse the text at the token that comes next."""
        token, position = self._tokens[self._next]
        found = f"'{token}'" if token else "the end"
        raise MalformedError(f"label selector {self._text!r}: position {position}: found {found}, expected {expected}")


def parse(text: str) -> Selector:
    """The matcher of a label selector such as `app=web,tier in (a,b),!canary`. Raises MalformedError."""
    return _remembered(text) if len(text) <= REMEMBERED else _parsed(text)


def _parsed(text: str) -> Selector:
    reader = _Reader(text)
    found: list[Requirement] = []
    if reader.head == "":
        return Selector()
    while True:
        found.append(_requirement(reader))
        if reader.head == "":
            return Selector(tuple(sorted(found, key=lambda each: each.key)))
        if reader.head != ",":
            reader.fail("',' or the end")
        reader.take()


_remembered = lru_cache(maxsize=4096)(_parsed)


def _requirement(reader: _Reader) -> Requirement:
    if reader.head == "!":
        reader.take()
        return requirement(reader.word("a label key"), "absent")
    key = reader.word("a label key or '!'")
    if reader.head in ("", ","):
        return requirement(key, "exists")
    operator = _OPERATORS.get(reader.head)
    if operator is None:
        reader.fail("one of =, ==, !=, in, notin, <, >")
    if reader.take() in ("in", "notin"):
        return requirement(key, operator, _set(reader))
    value = "" if reader.head in ("", ",") else reader.word("a label value")
    return requirement(key, operator, (value,))


def _set(reader: _Reader) -> list[str]:
    """`(a,b)`; an empty place between commas is the empty value, as upstream reads it."""
    if reader.head != "(":
        reader.fail("'('")
    reader.take()
    values: list[str] = []
    if reader.head == ")":
        reader.fail("at least one value")
    while True:
        values.append("" if reader.head in (",", ")") else reader.word("a value or ')'"))
        if reader.head not in (",", ")"):
            reader.fail("',' or ')'")
        if reader.take() == ")":
            return values


def requirement(key: str, operator: str, values: Sequence[str] = ()) -> Requirement:
    """A checked term; values are sorted and unique. Raises MalformedError."""
    if wrong := _unqualified(key):
        raise MalformedError(f"label key {key!r}: {wrong}")
    if operator in ("<", ">") and not _INTEGER.fullmatch(values[0]):
        raise MalformedError(f"label key {key!r}: {operator} compares with an integer, not {values[0]!r}")
    for value in values:
        if len(value) > 63 or (value and not _NAME.fullmatch(value)):
            raise MalformedError(
                f"label value {value!r} of {key!r}: at most 63 letters, digits, '-', '_', '.', not at either end"
            )
    return Requirement(key, operator, tuple(sorted(set(values))))


def is_qualified_name(text: str) -> bool:
    """Whether it can name a label or a resource: a word, perhaps after a domain and a slash."""
    return not _unqualified(text)


def _unqualified(text: str) -> str:
    prefix, slash, name = text.rpartition("/")
    if slash and (len(prefix) > 253 or not _SUBDOMAIN.fullmatch(prefix)):
        return "the prefix before '/' must be a DNS subdomain"
    if len(name) > 63 or not _NAME.fullmatch(name):
        return "1 to 63 letters, digits, '-', '_', '.', not at either end"
    return ""


_OBJECT_OPERATORS = {"In": "in", "NotIn": "notin", "Exists": "exists", "DoesNotExist": "absent"}


def from_object(labels: Mapping[str, str], expressions: Sequence[tuple[str, str, Sequence[str]]] = ()) -> Selector:
    """A metav1.LabelSelector (`matchLabels`, `matchExpressions` as key, operator, values); its `str` is the text form.

    Raises MalformedError for an unknown operator or a wrong number of values.
    """
    found = [requirement(key, "=", (value,)) for key, value in labels.items()]
    for key, operator, values in expressions:
        name = _OBJECT_OPERATORS.get(operator)
        if name is None:
            raise MalformedError(
                f"matchExpressions of {key!r}: operator {operator!r} is none of In, NotIn, Exists, DoesNotExist"
            )
        if bool(values) != (name in ("in", "notin")):
            raise MalformedError(
                f"matchExpressions of {key!r}: {operator} takes {'no' if values else 'at least one'} value"
            )
        found.append(requirement(key, name, values))
    return Selector(tuple(sorted(found, key=lambda each: each.key)))


def unusable(why: str) -> str:
    """In place of the text form where an object has none: no selector begins so, and whoever parses it fails."""
    return f"({why})"


def fault(text: str) -> str:
    """Why there is no text form, "" where there is one."""
    return text[1:-1] if text.startswith("(") else ""


class FieldTerm(Struct, frozen=True):
    """`field=value`, or `field!=value` when not `equal`."""

    field: str
    value: str
    equal: bool = True


class FieldSelector(Struct, frozen=True):
    """All terms must hold; a field that is not given counts as empty."""

    terms: tuple[FieldTerm, ...] = ()

    def matches(self, fields: Mapping[str, str]) -> bool:
        """Whether an object with these fields is selected."""
        return all((fields.get(term.field, "") == term.value) is term.equal for term in self.terms)


_FIELD_PART = re.compile(r"(?:[^\\,]|\\.?)+", re.DOTALL)
_FIELD_TERM = re.compile(r"((?:(?!!=|=).)*)(!=|==|=)(.*)", re.DOTALL)
_FIELD_VALUE = re.compile(r"(?:[^\\,=]|\\[\\,=])*", re.DOTALL)


def parse_fields(text: str, allowed: Collection[str]) -> FieldSelector:
    """The matcher of a field selector such as `metadata.name=x,metadata.namespace!=y`; only `allowed` fields are known.

    Raises MalformedError; for an unknown field its text is upstream's own.
    """
    terms: list[FieldTerm] = []
    for part in _FIELD_PART.finditer(text):
        match = _FIELD_TERM.fullmatch(part[0])
        if match is None:
            raise MalformedError(f"invalid selector: '{text}'; can't understand '{part[0]}' (position {part.start()})")
        field, operator, value = match.groups()
        if field not in allowed:
            known = ", ".join(f'"{name}"' for name in allowed)
            raise MalformedError(f'"{field}" is not a known field selector: only {known}')
        if not _FIELD_VALUE.fullmatch(value):
            position = part.start() + match.start(3)
            raise MalformedError(
                f"invalid field selector: position {position}: a '\\', ',' or '=' in a value needs a '\\'"
            )
        terms.append(FieldTerm(field, re.sub(r"\\(.)", r"\1", value), operator != "!="))
    return FieldSelector(tuple(terms))
