import pytest

from autoscaler.core.selectors import (
    REMEMBERED,
    FieldSelector,
    fault,
    from_object,
    is_qualified_name,
    parse,
    parse_fields,
    unusable,
)
from autoscaler.errors import MalformedError

FIELDS = ("metadata.name", "metadata.namespace")


def case(text, labels, expected, name):
    return pytest.param(text, labels, expected, id=name)


@pytest.mark.parametrize(
    ("text", "labels", "expected"),
    [
        case("", {}, True, "nothing asked selects everything"),
        case("  ", {"a": "1"}, True, "blanks ask for nothing"),
        case("app=web", {"app": "web", "x": "y"}, True, "equal"),
        case("app==web", {"app": "api"}, False, "double equal differs"),
        case(" app = web , tier != b ", {"app": "web", "tier": "a"}, True, "blanks around symbols"),
        case("app=web,tier!=b", {"app": "web"}, True, "unequal holds without the label"),
        case("app!=web", {"app": "web"}, False, "unequal differs"),
        case("app in (web, api)", {"app": "api"}, True, "in a set"),
        case("app in(web)", {"app": "web"}, True, "no blank before the set"),
        case("app in (web)", {}, False, "in needs the label"),
        case("app in (,web)", {"app": ""}, True, "an empty place is the empty value"),
        case("app in (web,)", {"app": ""}, True, "a trailing comma is the empty value"),
        case("app notin (web)", {}, True, "notin holds without the label"),
        case("app notin (web)", {"app": "web"}, False, "notin differs"),
        case("app", {"app": ""}, True, "exists with an empty value"),
        case("app", {}, False, "exists fails"),
        case("!app", {}, True, "absent"),
        case("!app,b", {"app": "x", "b": ""}, False, "absent fails"),
        case("app=", {"app": ""}, True, "equal to the empty value"),
        case("app=,b=1", {"app": "", "b": "1"}, True, "an empty value before a comma"),
        case("in in (in,notin)", {"in": "notin"}, True, "keywords are words elsewhere"),
        case("n>5", {"n": "6"}, True, "greater"),
        case("n<5", {"n": "6"}, False, "smaller"),
        case("n>5", {"n": "x"}, False, "not a number never compares"),
        case("n>5", {}, False, "no label never compares"),
        case("app.kubernetes.io/name=web", {"app.kubernetes.io/name": "web"}, True, "a prefixed key"),
    ],
)
def test_selects(text, labels, expected):
    assert parse(text).matches(labels) is expected


@pytest.mark.parametrize(
    ("text", "labels", "where"),
    [
        case("app in (", None, "position 8: found the end, expected a value", "an open set"),
        case("app in", None, "position 6: found the end, expected '('", "no set"),
        case("app in ()", None, "position 8: found ')', expected at least one value", "an empty set"),
        case("app in (a b)", None, "position 10: found 'b', expected ',' or ')'", "a blank inside a set"),
        case(",", None, "position 0: found ',', expected a label key", "a lone comma"),
        case("a,", None, "position 2: found the end, expected a label key", "a trailing comma"),
        case("a b", None, "position 2: found 'b', expected one of", "no operator"),
        case("a=b c", None, "position 4: found 'c', expected ','", "two values"),
        case("a=!b", None, "position 2: found '!', expected a label value", "a symbol for a value"),
        case("!", None, "position 1: found the end, expected a label key", "a lone mark"),
        case("-a=b", None, "label key '-a'", "a key with a bad start"),
        case("A_/b=c", None, "prefix before '/'", "a bad prefix"),
        case("a=b_", None, "label value 'b_'", "a value with a bad end"),
        case("a=" + "x" * 64, None, "at most 63", "a value too long"),
        case("n>x", None, "compares with an integer", "greater than a word"),
    ],
)
def test_says_where_it_is_broken(text, labels, where):
    with pytest.raises(MalformedError) as caught:
        parse(text)
    assert where in str(caught.value)


def test_an_object_becomes_sorted_text():
    selector = from_object(
        {"queue": "q1", "app": "web"},
        [
            ("tier", "NotIn", ["b", "a"]),
            ("zone", "Exists", []),
            ("canary", "DoesNotExist", []),
            ("v", "In", ["2", "1"]),
        ],
    )
    assert str(selector) == "app=web,!canary,queue=q1,tier notin (a,b),v in (1,2),zone"
    assert parse(str(selector)) == selector
    assert str(parse("n>5,m<6,a!=b")) == "a!=b,m<6,n>5"


@pytest.mark.parametrize(("operator", "values"), [("Like", ["a"]), ("In", []), ("Exists", ["a"])])
def test_a_broken_expression_is_refused(operator, values):
    with pytest.raises(MalformedError, match="matchExpressions of 'k'"):
        from_object({}, [("k", operator, values)])


@pytest.mark.parametrize(
    ("text", "fields", "expected"),
    [
        case("", {}, True, "nothing asked"),
        case("metadata.name=x", {"metadata.name": "x"}, True, "equal"),
        case("metadata.name==x", {"metadata.name": "y"}, False, "double equal differs"),
        case("metadata.name!=x,metadata.namespace=n", {"metadata.name": "y", "metadata.namespace": "n"}, True, "both"),
        case("metadata.namespace=n", {"metadata.name": "y"}, False, "a field not given is empty"),
        case(",metadata.name=x,", {"metadata.name": "x"}, True, "empty terms are skipped"),
        case(r"metadata.name=a\,b\=c\\", {"metadata.name": "a,b=c\\"}, True, "escaped symbols"),
    ],
)
def test_fields_select(text, fields, expected):
    assert parse_fields(text, FIELDS).matches(fields) is expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "status.phase=Running",
            '"status.phase" is not a known field selector: only "metadata.name", "metadata.namespace"',
        ),
        ("metadata.name", "invalid selector: 'metadata.name'; can't understand 'metadata.name' (position 0)"),
        ("metadata.name=a=b", "position 14: a '\\', ',' or '=' in a value needs a '\\'"),
        ("metadata.name=a\\b", "position 14"),
    ],
)
def test_a_broken_field_selector_is_refused(text, message):
    with pytest.raises(MalformedError) as caught:
        parse_fields(text, FIELDS)
    assert message in str(caught.value)


def test_no_terms_select_everything():
    assert FieldSelector().matches({"metadata.name": "x"})


def test_a_selector_is_remembered_unless_it_is_long():
    """What anybody may ask for must not stay: thousands of texts of a thousand terms are hundreds of megabytes."""
    short, long = "app=web", ",".join(f"a{number}" for number in range(REMEMBERED))
    assert parse(short) is parse(short)
    assert parse(long) == parse(long)
    assert parse(long) is not parse(long)


@pytest.mark.parametrize(
    ("text", "good"),
    [
        ("cpu", True),
        ("example.com/gpu", True),
        ("a" * 63, True),
        ("a" * 64, False),
        ("", False),
        ("a b", False),
        ("-a", False),
        ("/a", False),
        ("Example.com/gpu", False),
        ("a/b/c", False),
        ("a" * 254 + "/b", False),
    ],
)
def test_what_may_name_a_label_or_a_resource(text, good):
    assert is_qualified_name(text) is good


@pytest.mark.parametrize("why", ["the key is none", "", "a=b", "a in (b)"])
def test_what_stands_for_no_selector_is_never_taken_for_one(why):
    assert fault(unusable(why)) == why
    with pytest.raises(MalformedError):
        parse(unusable(why))


@pytest.mark.parametrize("text", ["", "a=b", "a in (b)", "!a"])
def test_a_selector_has_no_fault(text):
    assert fault(text) == ""
