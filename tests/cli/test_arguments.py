from __future__ import annotations

from pathlib import Path

import pytest

from autoscaler.cli.arguments import find_verb, overview, parse, parser, program_name, typed
from autoscaler.cli.verbs import VERBS, Verb
from autoscaler.config.options import OPTIONS
from autoscaler.errors import ConfigError

every_verb = pytest.mark.parametrize("verb", [pytest.param(verb, id=verb.name) for verb in VERBS.values()])


@pytest.mark.parametrize(
    ("argv0", "shown"),
    [
        pytest.param("/usr/bin/autoscaler", "autoscaler", id="the command"),
        pytest.param("/root/.krew/bin/kubectl-hps", "kubectl hps", id="started by kubectl"),
        pytest.param("/x/autoscaler/__main__.py", "autoscaler", id="python -m"),
    ],
)
def test_the_program_is_called_what_the_user_typed(argv0: str, shown: str) -> None:
    assert program_name(argv0) == shown


@pytest.mark.parametrize(
    ("argv0", "path", "shown"),
    [
        pytest.param(".venv/bin/autoscaler", "", ".venv/bin/autoscaler", id="off the PATH"),
        pytest.param(".venv/bin/autoscaler", "here", "autoscaler", id="on the PATH"),
        pytest.param("/x/autoscaler/__main__.py", "", "python -m autoscaler", id="python -m"),
        pytest.param("/usr/bin/pytest", "", "autoscaler", id="from within another program"),
    ],
)
def test_what_to_type_to_get_the_program_again(
    argv0: str, path: str, shown: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = tmp_path / "here" / "autoscaler"
    command.parent.mkdir()
    command.touch(0o755)
    monkeypatch.setenv("PATH", str(tmp_path / path) if path else str(tmp_path))
    assert typed(argv0) == shown


def test_a_mistyped_verb_gets_the_nearest_one() -> None:
    with pytest.raises(ConfigError, match=r"unknown verb 'expain'; did you mean explain\?; there are: run, demo"):
        find_verb("expain")


def test_an_option_before_the_verb_is_no_verb() -> None:
    with pytest.raises(ConfigError, match=r"unknown option '--versoin'; did you mean --version\?"):
        find_verb("--versoin")


@pytest.mark.parametrize(
    ("words", "flags"),
    [
        pytest.param(["--metric-resolution=3s"], {"metric-resolution": "3s"}, id="with equals sign"),
        pytest.param(["--metric-resolution", "3s"], {"metric-resolution": "3s"}, id="with blank"),
        pytest.param(["--kubelet-insecure-tls"], {"kubelet-insecure-tls": "true"}, id="a switch alone"),
        pytest.param(["--kubelet-insecure-tls=false"], {"kubelet-insecure-tls": "false"}, id="a switch turned off"),
        pytest.param(["--log-level=info", "--log-level=debug"], {"log-level": "debug"}, id="the last one counts"),
        pytest.param([], {}, id="none: defaults are not flags"),
    ],
)
def test_flags_go_by_option_name_as_text(words: list[str], flags: dict[str, str]) -> None:
    assert parse(VERBS["run"], words, "autoscaler").flags == flags


@pytest.mark.parametrize(
    ("words", "fault"),
    [
        pytest.param(["--metric-resolutin=3s"], "unknown flag --metric-resolutin; did you mean --metric-resolution?",
                     id="mistyped"),
        pytest.param(["--metric-res=3s"], "unknown flag --metric-res", id="abbreviated"),
        pytest.param(["extra"], "unexpected argument 'extra'", id="a word too many"),
        pytest.param(["--outptu", "json"], "unknown flag --outptu", id="with a value of its own"),
        pytest.param(["--outptu", "-"], "unknown flag --outptu", id="with standard input for a value"),
        pytest.param(["--outptu", "--log-level", "info"], "unknown flag --outptu", id="before a known one"),
    ],
)  # fmt: skip
def test_what_nobody_knows_becomes_a_fault(words: list[str], fault: str) -> None:
    found = parse(VERBS["run"], words, "autoscaler").faults
    assert len(found) == 1
    assert found[0].startswith(fault)


@pytest.mark.parametrize(
    ("words", "faults"),
    [
        pytest.param(
            "audit tail --outptu json", ["unknown flag --outptu; did you mean --output?"], id="an optional word"
        ),
        pytest.param("explain --form a.jsonl shop/web", ["unknown flag --form; did you mean --from?"], id="before it"),
        pytest.param("plan --bundel a.jsonl", ["unknown flag --bundel; did you mean --bundle?"], id="the needed flag"),
        pytest.param("explain --quiet shop/web", ["unknown flag --quiet"], id="no value, but the needed word"),
        pytest.param("plan --quiet --fast --bundle -", ["unknown flag --quiet", "unknown flag --fast"], id="two"),
        pytest.param(
            "plan --bundle - --quiet=1 b", ["unknown flag --quiet", "unexpected argument 'b'"], id="of both kinds"
        ),
        pytest.param("why web -nshop", [], id="a short one with its value"),
    ],
)
def test_an_unknown_flag_and_its_value_are_one_fault(words: str, faults: list[str]) -> None:
    verb, *rest = words.split()
    assert list(parse(VERBS[verb], rest, "autoscaler").faults) == faults


def test_a_word_in_the_place_of_what_is_missing_is_told_first() -> None:
    with pytest.raises(ConfigError) as raised:
        parse(VERBS["plan"], ["case.jsonl"], "autoscaler")
    assert str(raised.value).splitlines() == [
        "unexpected argument 'case.jsonl'",
        "the following arguments are required: --bundle",
        "usage: autoscaler plan --bundle FILE|- [OPTIONS]",
    ]


def test_an_unknown_flag_is_told_before_what_else_is_wrong() -> None:
    with pytest.raises(ConfigError, match=r"^unknown flag --fats\nargument --log-level: expected one argument\nusage"):
        parse(VERBS["run"], ["--fats", "1", "--log-level"], "autoscaler")


@pytest.mark.parametrize(
    ("verb", "words", "told"),
    [
        pytest.param("explain", [], "NAMESPACE/NAME", id="explain without target"),
        pytest.param("plan", [], "--bundle", id="plan without bundle"),
        pytest.param("top", ["deployments"], "invalid choice", id="top of something else"),
        pytest.param("top", ["pods", "-A", "-n", "x"], "not allowed with", id="all namespaces and one"),
        pytest.param("run", ["--sync-period"], "expected one argument", id="a flag without value"),
        pytest.param("config", ["show"], "invalid choice", id="config without print"),
    ],
)
def test_arguments_that_make_no_sense_are_told_with_the_usage(verb: str, words: list[str], told: str) -> None:
    with pytest.raises(ConfigError, match=told) as raised:
        parse(VERBS[verb], words, "autoscaler")
    assert f"usage: autoscaler {verb}" in str(raised.value)


@every_verb
def test_every_verb_teaches(verb: Verb) -> None:
    text = parser(verb, "kubectl hps").format_help()
    assert text.startswith(f"usage: kubectl hps {verb.name}")
    for words, what in verb.examples:
        assert f"  kubectl hps {words}\n      {what}" in text
    for group in verb.groups:
        assert all(option.flag in text for option in group.options)
        assert text.count(f"\n{group.title}:\n") == 1


@every_verb
def test_every_example_can_be_parsed(verb: Verb) -> None:
    for words, _ in verb.examples:
        name, *rest = words.split("<")[0].split(">")[0].split()
        assert parse(VERBS[name], rest, "autoscaler").faults == ()


def test_the_overview_names_every_verb() -> None:
    text = overview("autoscaler")
    assert all(f"\n  {name} " in text for name in VERBS)


def test_run_and_doctor_and_config_take_every_option() -> None:
    for name in ("run", "doctor", "config"):
        assert sum(len(group.options) for group in VERBS[name].groups) == len(OPTIONS)


def test_how_long_ago_is_no_flag() -> None:
    own = parse(VERBS["explain"], ["shop/web", "--at", "-15m"], "autoscaler").own
    assert (own.target, own.at) == ("shop/web", "-15m")
    own = parse(VERBS["explain"], ["shop/web", "--diff", "-2h", "-1h"], "autoscaler").own
    assert own.diff == ["-2h", "-1h"]
    assert parse(VERBS["audit"], ["tail", "--since", "-90s"], "autoscaler").own.since == "-90s"
