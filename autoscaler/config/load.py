"""From flags, environment and file to Settings: flag > environment > file > default, and every problem at once."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence

import msgspec

from autoscaler.config import rules
from autoscaler.config.nearest import hint
from autoscaler.config.option import VARIABLE_PREFIX, Kind, Option
from autoscaler.config.options import OPTIONS
from autoscaler.config.settings import (
    AuditSettings,
    ControlSettings,
    KubeletSettings,
    LeaseSettings,
    LogSettings,
    ServingSettings,
    Settings,
    UsageSettings,
)
from autoscaler.config.values import Value, parse
from autoscaler.errors import ConfigError

_FLAG = re.compile(r"(?<![\w-])--([a-z-]+[a-z])")
_SERVICE_LINK_NAME = re.compile(
    r"(\w+_)?(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT(_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)?)"
)
_SERVICE_LINK_VALUE = re.compile(r"(tcp|udp|sctp)://.*")


class _Given(msgspec.Struct, frozen=True):
    """A text somebody gave: from which layer, and how a message names the place."""

    text: str
    origin: str
    place: str


def load(flags: Mapping[str, str], environment: Mapping[str, str], faults: Sequence[str] = ()) -> Settings:
    """The settings of this process. `flags` go by option name (`metric-resolution`), values are text.

    `faults` are problems the caller already found; they are told together with ours.

    Raises ConfigError that lists everything wrong at once. Nothing is opened but the configuration file and, to see
    that they are there, the files that must exist.
    """
    given, found_faults = _gather(flags, environment)
    faults = [*faults, *found_faults]
    values: dict[str, Value] = {}
    for option in OPTIONS.values():
        found = given.get(option.name) or _Given(_default(option, environment), "default", option.flag)
        try:
            values[option.name] = parse(option, found.text)
        except ValueError as exc:
            faults.append(f"{found.place}: {exc}")
            values[option.name] = parse(option, _default(option, environment))
        else:
            faults += _missing_file(option, values[option.name], found.place)
    origins = {name: given[name].origin if name in given else "default" for name in OPTIONS}
    faults += [_placed(sentence, given) for sentence in rules.problems(values, origins)]
    if faults:
        raise ConfigError(listed(faults))
    resolution, timeout = _number(values["metric-resolution"]), _number(values["kubelet-request-timeout"])
    values["kubelet-request-timeout"] = rules.lowered_timeout(resolution, timeout, origins["kubelet-request-timeout"])
    return _settings(values, origins)


def listed(faults: list[str]) -> str:
    """One message for one fault or many."""
    if len(faults) == 1:
        return faults[0]
    return f"{len(faults)} settings must be changed:\n" + "\n".join(f"  - {fault}" for fault in faults)


def state_dir(environment: Mapping[str, str]) -> str:
    """Where state of ours lives by default (XDG base directories)."""
    base = environment.get("XDG_STATE_HOME") or os.path.expanduser("~/.local/state")
    return os.path.join(base, "hpa-companion")


def _default(option: Option, environment: Mapping[str, str]) -> str:
    return option.default.replace("{state}", state_dir(environment))


def _gather(flags: Mapping[str, str], environment: Mapping[str, str]) -> tuple[dict[str, _Given], list[str]]:
    """The strongest text for each option that has one, and what could not be understood."""
    variables, faults = _from_environment(environment)
    overruling = variables | {name: _Given(text, "flag", OPTIONS[name].flag) for name, text in flags.items()}
    path = overruling["config"].text if "config" in overruling else ""
    if not path:
        return overruling, faults
    from autoscaler.config import document  # noqa: PLC0415 - PyYAML costs start-up time and most runs have no file

    read = document.read(os.path.expanduser(path))
    from_file = {
        name: _Given(entry.text, "file", f"{path}, line {entry.line}: {OPTIONS[name].key}")
        for name, entry in read.entries.items()
    }
    return from_file | overruling, [*faults, *read.problems]


def _placed(sentence: str, given: Mapping[str, _Given]) -> str:
    """A sentence of the rules, which name options as flags, with the options named as whoever gave them did."""

    def named(flag: re.Match[str]) -> str:
        found = given.get(flag[1])
        if found is None:
            return flag[0]
        return OPTIONS[flag[1]].key if flag.start() and found.origin == "file" else found.place

    return _FLAG.sub(named, sentence)


def _from_environment(environment: Mapping[str, str]) -> tuple[dict[str, _Given], list[str]]:
    by_variable = {option.variable: option for option in OPTIONS.values()}
    found: dict[str, _Given] = {}
    faults = []
    for variable, text in environment.items():
        if not variable.startswith(VARIABLE_PREFIX) or _is_service_link(variable, text, by_variable):
            continue
        if variable in by_variable:
            found[by_variable[variable].name] = _Given(text, "environment", variable)
        else:
            faults.append(f"unknown variable {variable}{hint(variable, by_variable)}")
    return found, faults


def _is_service_link(variable: str, text: str, known: Mapping[str, Option]) -> bool:
    """A Service named `autoscaler...` makes the kubelet put AUTOSCALER_SERVICE_HOST and the like into every pod."""
    if _SERVICE_LINK_VALUE.fullmatch(text):
        return True
    return variable not in known and bool(_SERVICE_LINK_NAME.fullmatch(variable.removeprefix(VARIABLE_PREFIX)))


def _missing_file(option: Option, value: Value, place: str) -> list[str]:
    if option.kind not in {Kind.FILE, Kind.FILES} or not value or option.name == "config":  # its reader says more
        return []
    path = str(value)
    folder = option.kind is Kind.FILES and os.path.isdir(path)
    if not folder and not os.path.isfile(path):
        return [f"{place}: {path} is a directory" if os.path.isdir(path) else f"{place}: there is no file {path}"]
    return [] if os.access(path, os.R_OK) else [f"{place}: {path} may not be read by this user"]


def _number(value: Value) -> float:
    return float(value) if isinstance(value, int | float) else 0.0


def _settings(values: dict[str, Value], origins: dict[str, str]) -> Settings:
    tree: dict[str, dict[str, object]] = {}
    for option in OPTIONS.values():
        *path, leaf = option.field.split(".")
        branch: dict[str, object] = tree  # type: ignore[assignment] # a tree of dicts has no finite type
        for step in path:
            branch = branch.setdefault(step, {})  # type: ignore[assignment] # as above
        branch[leaf] = values[option.name]
    return Settings(
        config=str(values["config"]),
        kubeconfig=str(values["kubeconfig"]),
        kubelet=msgspec.convert(tree["kubelet"], KubeletSettings),
        serving=msgspec.convert(tree["serving"], ServingSettings),
        control=msgspec.convert(tree["control"], ControlSettings),
        lease=msgspec.convert(tree["lease"], LeaseSettings),
        audit=msgspec.convert(tree["audit"], AuditSettings),
        usage=msgspec.convert(tree["usage"], UsageSettings),
        log=msgspec.convert(tree["log"], LogSettings),
        values=values,
        origins=origins,
    )
