"""Small mistakes in a runbook.yaml that its tests must notice."""

import re
from collections.abc import Iterator
from typing import Any

import yaml

_EXPRESSIONS = ("where", "match", "warn", "skip", "id", "let", "select", "items", "by", "ids", "when", "each")
_COMPARED = re.compile(r"(==|!=|>=|<=|>|<)")
_TURNED = {"==": "!=", "!=": "==", ">": ">=", ">=": ">", "<": "<=", "<=": "<"}
_NUMBER = re.compile(r"`(-?\d+(?:\.\d+)?)`")
_WORD = re.compile(r"'([^']+)'")
_JOINED = re.compile(r"\s*(&&|\|\|)\s*")


def mutants(text: str) -> list[tuple[str, str]]:
    """The file with one mistake each.

    Args:
        text: A valid runbook.yaml.

    Returns:
        What the mistake is, and the file that has it. Each is still YAML; whether it means something else is for the
        tests to say.
    """
    document = yaml.safe_load(text)
    found = [(what, changed) for what, changed in _changes(document, document, ()) if changed != document]
    return [(what, yaml.safe_dump(changed, sort_keys=False)) for what, changed in found]


def _changes(whole: Any, part: Any, path: tuple[Any, ...]) -> Iterator[tuple[str, Any]]:
    if isinstance(part, dict):
        yield from _of_map(whole, part, path)
        for key, value in part.items():
            yield from _changes(whole, value, (*path, key))
    elif isinstance(part, list):
        for number, value in enumerate(part):
            yield from _changes(whole, value, (*path, number))
    elif isinstance(part, str):
        yield from ((f"{what} in {_named(path)}", _with(whole, path, new)) for what, new in _of_text(part, path))
    elif isinstance(part, int | float) and not isinstance(part, bool) and path[0] in ("scope", "with", "guard"):
        yield f"{part} is {part + 1} in {_named(path)}", _with(whole, path, part + 1)


def _of_map(whole: Any, part: dict[str, Any], path: tuple[Any, ...]) -> Iterator[tuple[str, Any]]:
    for key in (
        "where",
        "skip",
        "warn",
        "snapshot",
        "undo",
        "verify",
        "on_error",
        "protect_tags",
        "max_changes",
        "wait",
    ):
        if key in part:
            yield f"{key} is lost in {_named(path)}", _with(whole, path, {k: v for k, v in part.items() if k != key})
    for key, value in (part.get("params") or {}).items() if isinstance(part.get("params"), dict) else ():
        if isinstance(value, list | str) and path[:1] != ("scope",):
            less = {k: v for k, v in part["params"].items() if k != key}
            if not (isinstance(value, str) and value.startswith("=")):
                yield f"parameter {key} is lost in {_named(path)}", _with(whole, path, {**part, "params": less})


def _of_text(text: str, path: tuple[Any, ...]) -> Iterator[tuple[str, str]]:
    key = next((p for p in reversed(path) if isinstance(p, str)), "")
    if key in ("protect_tags", "on_error"):
        yield f"{text} is another", f"{text}x"
    if key in ("stat", "name", "namespace") and "metric" in path:
        yield f"{text} is another", {"Average": "Maximum", "Sum": "Average"}.get(text, f"{text}x")
    if key not in _EXPRESSIONS and not text.startswith("="):
        return
    if text.startswith("=") and path[0] == "action":
        return
    yield from _turned(text)
    yield from _shifted(text)
    yield from _reworded(text)
    yield from _dropped(text)


def _turned(text: str) -> Iterator[tuple[str, str]]:
    for found in _COMPARED.finditer(text):
        other = _TURNED[found.group(1)]
        yield f"{found.group(1)} is {other}", text[: found.start()] + other + text[found.end() :]
    if "!" in re.sub(r"!=", "", text):
        yield "a ! is lost", re.sub(r"!(?!=)", "", text, count=1)


def _shifted(text: str) -> Iterator[tuple[str, str]]:
    for found in _NUMBER.finditer(text):
        number = float(found.group(1)) if "." in found.group(1) else int(found.group(1))
        yield f"{number} is {number + 1}", f"{text[: found.start()]}`{number + 1}`{text[found.end() :]}"


def _reworded(text: str) -> Iterator[tuple[str, str]]:
    for found in _WORD.finditer(text):
        if len(found.group(1)) > 2 and "\\" not in found.group(1):
            yield f"{found.group(1)!r} is another", f"{text[: found.start()]}'{found.group(1)}x'{text[found.end() :]}"


def _dropped(text: str) -> Iterator[tuple[str, str]]:
    """Of clauses at the top, each left out in turn, and each operator exchanged."""
    parts = _JOINED.split(text)
    if len(parts) < 3 or not _balanced(parts[::2]):
        return
    for number in range(0, len(parts), 2):
        kept = parts[: max(number - 1, 0)] + parts[number + 1 + (number == 0) :]
        yield f"the clause {parts[number]!r} is lost", " ".join(kept)
    for number in range(1, len(parts), 2):
        other = {"&&": "||", "||": "&&"}[parts[number]]
        yield f"{parts[number]} is {other}", " ".join([*parts[:number], other, *parts[number + 1 :]])


def _balanced(clauses: list[str]) -> bool:
    return all(clause.count("(") == clause.count(")") and clause.count("[") == clause.count("]") for clause in clauses)


def _with(whole: Any, path: tuple[Any, ...], new: Any) -> Any:
    if not path:
        return new
    if isinstance(whole, dict):
        return {k: _with(v, path[1:], new) if k == path[0] else v for k, v in whole.items()}
    return [_with(v, path[1:], new) if n == path[0] else v for n, v in enumerate(whole)]


def _named(path: tuple[Any, ...]) -> str:
    return ".".join(str(part) for part in path) or "the file"
