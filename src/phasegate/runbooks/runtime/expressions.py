"""JMESPath with our functions and names, for what reads better as an expression than as Python."""

import re
from collections.abc import Callable, Iterable, Mapping
from functools import cache, cached_property
from typing import Any, Protocol

import jmespath
from jmespath.functions import Functions

from . import functions, network

_NAMES = re.compile(r"\b_(?:account|region|now|params|items|ids)\b")


class Context(Protocol):
    """Names and functions that an expression may use beside the row."""

    @property
    def names(self) -> Mapping[str, Any]:
        """`_account`, `_region`, `_now`, `_params` and, where the runbook asks for it, `_items`."""
        ...

    @property
    def functions(self) -> Functions:
        """JMESPath's functions and ours."""
        ...


PURE: Mapping[str, Callable[..., Any]] = {
    "tag": functions.tag,
    "matches": functions.matches,
    "glob": functions.glob,
    "capture": functions.capture,
    "split": functions.split,
    "lower": functions.lower,
    "parse_json": functions.parse_json,
    "parse_csv": functions.parse_csv,
    "as_list": functions.as_list,
    "within": functions.within,
    "none_in": functions.none_in,
    "minus": functions.minus,
    "zip": functions.zip_lists,
    "add": functions.add,
    "sub": functions.sub,
    "mul": functions.mul,
    "div": functions.div,
    "round": functions.round_to,
    "opens_port": network.opens_port,
    "in_cidr": network.in_cidr,
}
"""Functions that know nothing but their arguments."""


class RunbookFunctions(Functions):
    """JMESPath's functions, and those of the runbook language."""

    def __init__(self, bound: Mapping[str, Callable[..., Any]]) -> None:
        """Take the functions that know the time or the account: `age_days`, `off_now` and their like."""
        self._own = {**PURE, **bound}

    def call_function(self, function_name: str, resolved_args: Iterable[Any]) -> Any:
        """Call the runbook language's function of that name, or else JMESPath's."""
        own = self._own.get(function_name)
        return own(*resolved_args) if own else super().call_function(function_name, resolved_args)

    def _get_allowed_pytypes(self, types: Iterable[str]) -> tuple[list[str], list[Any]]:
        """JMESPath knows types by their Python names, and would take `Values` for no list."""
        allowed, within = super()._get_allowed_pytypes(types)  # type: ignore[misc]
        return ([*allowed, "Values"] if "list" in allowed else allowed), within


class Expression:
    """Compiled expression, called with the context and the row."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._named = bool(_NAMES.search(text))

    @cached_property
    def _parsed(self) -> Any:
        return jmespath.compile(self.text)

    def __call__(self, context: Context, row: Any, **names: Any) -> object:
        """Return the value, or None where the expression finds nothing.

        Raises:
            jmespath.exceptions.JMESPathError: a function was given what it cannot take.
        """
        named = (names or self._named) and isinstance(row, dict)
        subject = {**row, **context.names, **names} if named else row
        return self._parsed.search(subject, jmespath.Options(custom_functions=context.functions))


@cache
def expression(text: str) -> Expression:
    """The expression, compiled when it is first used."""
    return Expression(text)
