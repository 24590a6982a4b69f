"""Check of answers against the schemas of their tools, in bounded time.

Types, required names, items, choices and references within the schema are looked at. Patterns and formats are not: a
pattern can be written so that matching it takes years.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

MOST_STEPS = 50_000
_TYPES: Mapping[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "boolean": (bool,),
    "null": (type(None),),
    "integer": (int, float),
    "number": (int, float),
}


def misshapen(schema: Mapping[str, Any], value: Any) -> str:
    """Return how the value breaks the schema, or an empty string, also where the check would take too long."""
    try:
        return next(_Judge(schema).faults(schema, value, "answer"), "")
    except (_TooLong, RecursionError, AttributeError, TypeError):  # the last two: it is no schema
        return ""


class _TooLong(Exception):
    """The schema asks for more steps than there are."""


@dataclass
class _Judge:
    whole: Mapping[str, Any]
    steps: list[None] = field(default_factory=list)

    def faults(self, schema: Any, value: Any, where: str) -> Iterator[str]:
        self.steps.append(None)
        if len(self.steps) > MOST_STEPS:
            raise _TooLong
        if not isinstance(schema, Mapping):
            return
        schema = self._followed(schema)
        if not _is_of(schema.get("type"), value):
            yield f"{where} is not {schema['type']}"
            return
        if "enum" in schema and value not in schema["enum"]:
            yield f"{where} is none of its choices"
        choices = schema.get("anyOf") or schema.get("oneOf")
        if isinstance(choices, list) and all(any(self.faults(choice, value, where)) for choice in choices):
            yield f"{where} fits none of its forms"
        yield from self._inside(schema, value, where)

    def _inside(self, schema: Mapping[str, Any], value: Any, where: str) -> Iterator[str]:
        if isinstance(value, dict):
            missing = [name for name in schema.get("required", ()) if name not in value]
            if missing:
                yield f"{where} lacks '{missing[0]}'"
            rules = schema.get("properties", {})
            for name in value.keys() & rules.keys():
                yield from self.faults(rules[name], value[name], f"{where}.{name}")
        elif isinstance(value, list):
            for item in value:
                yield from self.faults(schema.get("items"), item, f"{where}[]")

    def _followed(self, schema: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the definition of a reference within the schema, while other references hold for any value."""
        path = schema.get("$ref")
        if not isinstance(path, str):
            return schema
        found: Any = self.whole.get("$defs", {}).get(path.removeprefix("#/$defs/"), {})
        return found if isinstance(found, Mapping) and "$ref" not in found else {}


def _is_of(wanted: Any, value: Any) -> bool:
    names = wanted if isinstance(wanted, list) else [wanted]
    return not any(isinstance(name, str) for name in names) or any(_is_one(name, value) for name in names)


def _is_one(name: Any, value: Any) -> bool:
    if isinstance(value, bool):
        return bool(name == "boolean")
    if name == "integer" and isinstance(value, float):
        return value.is_integer()
    return isinstance(value, _TYPES.get(name, (object,)))
