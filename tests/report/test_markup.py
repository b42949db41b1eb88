from __future__ import annotations

import pytest

from autoscaler.report.markup import element, joined, text


def test_a_text_is_escaped_and_an_element_is_not_escaped_again() -> None:
    inner = element("b", '<script>"&')
    assert element("p", "a < b ", inner) == "<p>a &lt; b <b>&lt;script&gt;&quot;&amp;</b></p>"
    assert joined("<", inner) == "&lt;" + inner


def test_attributes_are_escaped_and_none_is_left_out() -> None:
    assert element("a", href='"><x', class_="n", aria_label="o'", title=None) == (
        '<a href="&quot;&gt;&lt;x" class="n" aria-label="o&#x27;"></a>'
    )
    assert element("meta", name="x") == '<meta name="x">'


@pytest.mark.parametrize("steering", ["\x00", "\x1b", "\r", "\u202e", "\u2066", "\ud800"])
def test_what_would_steer_is_replaced(steering: str) -> None:
    assert text(f"a{steering}b\nc") == "a\N{REPLACEMENT CHARACTER}b\nc"
