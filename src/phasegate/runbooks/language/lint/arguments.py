"""Types of arguments that a function cannot take, by which a call is null or an error for every item."""

from collections.abc import Mapping, Sequence

from jmespath.functions import Functions

from phasegate.runbooks.language.lint.types import Anything, Many, Plain, Record, Table, Type, described

_TEXTS = ("string", "number")
_OWN: Mapping[str, Sequence[str]] = {
    "age_days": _TEXTS,
    "capture": ("string",),
    "days_until": _TEXTS,
    "glob": ("string",),
    "lower": ("string",),
    "matches": ("string",),
    "split": ("string",),
    "add": _TEXTS,
    "div": _TEXTS,
    "mul": _TEXTS,
    "sub": _TEXTS,
    "round": _TEXTS,
}
"""Types of the first argument of our functions, which yield null for any other."""
_FOLDED = {"timestamp": "string", "blob": "string", "character": "string"}


def wrong_argument(name: str, given: Sequence[Type]) -> str:
    """Return what is wrong with the arguments of a call, or an empty text.

    >>> from phasegate.runbooks.language.lint.types import NUMBER, STRING
    >>> wrong_argument("length", [NUMBER])
    'length() takes a string, a list or a map, and is given a number'
    >>> wrong_argument("length", [STRING])
    ''
    """
    for accepted, value in zip(_accepted(name), given, strict=False):
        if accepted and not isinstance(value, Anything) and not any(_fits(kind, value) for kind in accepted):
            return f"{name}() takes {_listed(accepted)}, and is given {described(value)}"
    return ""


def _accepted(name: str) -> Sequence[Sequence[str]]:
    if name in _OWN:
        return [_OWN[name]]
    entry = Functions.FUNCTION_TABLE.get(name)
    return [argument["types"] for argument in entry["signature"]] if entry else []


def _fits(kind: str, value: Type) -> bool:
    """Return whether a value of a type may pass as one of jmespath's types, such as `array-number`."""
    outer, _, inner = kind.partition("-")
    match value:
        case Many():
            known = value.element if inner else Anything()
            return outer == "array" and (isinstance(known, Anything) or _fits(inner, known))
        case Record() | Table():
            return outer == "object"
        case Plain():
            return outer == _FOLDED.get(value.name, value.name if value.name in ("string", "boolean") else "number")
    return True


def _listed(kinds: Sequence[str]) -> str:
    words = {
        "array": "a list",
        "object": "a map",
        "array-number": "a list of numbers",
        "array-string": "a list of texts",
    }
    said = [words.get(kind, f"a {kind}") for kind in kinds if kind != "expref"]
    return " or ".join([", ".join(said[:-1]), said[-1]] if len(said) > 1 else said)
