"""Every field has its option and every option its field, so a default cannot be anywhere but in the table."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from autoscaler.config.load import load
from autoscaler.config.options import OPTIONS
from autoscaler.config.settings import Settings
from autoscaler.model.policy import ControllerSettings


def leaves(struct: type[msgspec.Struct], path: str = "") -> Iterator[tuple[str, Any]]:
    for field in msgspec.structs.fields(struct):
        name = f"{path}{field.name}"
        if isinstance(field.type, type) and issubclass(field.type, msgspec.Struct):
            yield from leaves(field.type, f"{name}.")
        else:
            yield name, field


def test_every_field_has_one_option() -> None:
    fields = {name for name, _ in leaves(Settings)} - {"values", "origins"}
    assert fields == {option.field for option in OPTIONS.values()}


def test_no_field_has_a_default_of_its_own() -> None:
    assert not [name for name, field in leaves(Settings) if field.default is not msgspec.NODEFAULT]


def test_the_controller_knobs_default_to_the_controllers_own() -> None:
    assert load({}, {}).control.controller == ControllerSettings()


def test_a_field_has_the_value_of_its_option() -> None:
    settings = load({}, {})
    for option in OPTIONS.values():
        found: Any = settings
        for step in option.field.split("."):
            found = getattr(found, step)
        assert found == settings.values[option.name], option.name


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        load({}, {}).kubelet.port = 1  # type: ignore[misc] # that is the point
