"""The files of a target repository as templates, filled in strictly."""

import json
from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment, StrictUndefined, select_autoescape


def filled(name: str, **variables: Any) -> bytes:
    """Render a template of this package by its name without `.j2`, with a filter `toml` that quotes for TOML."""
    text = files("phasegate.scaffold").joinpath("templates", f"{name}.j2").read_text(encoding="utf-8")
    return _environment().from_string(text).render(variables).encode()


@cache
def _environment() -> Environment:
    environment = Environment(
        undefined=StrictUndefined,
        autoescape=select_autoescape(enabled_extensions=(), default_for_string=False),
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["toml"] = _toml
    return environment


def _toml(value: str) -> str:
    """A TOML basic string: JSON's escapes are among TOML's."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
