"""Builds what AWS answers, and the item that comes of it, from one choice of values."""

import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from botocore.model import ListShape, MapShape, Shape, StructureShape

from phasegate.runbooks.compiler.test_generator.answer_fields import (
    ANSWER,
    COUNT,
    CSV,
    ELEMENT,
    JSON,
    SECOND,
    TAG,
    Field,
    Path,
    Slot,
    Source,
    member,
)
from phasegate.runbooks.compiler.test_generator.candidates import default
from phasegate.runbooks.compiler.test_generator.item_model import Anatomy
from phasegate.runbooks.compiler.test_generator.values import ABSENT, NUMBER, Count, Fails, numbered
from phasegate.runbooks.runtime.functions import parse_csv

Choice = Mapping[Slot, Any]
"""Values of slots; those that are left out have the first value of the space."""
TAG_HOLDERS = ("Tags", "tags", "TagList", "TagSet", "tagSet", "tagList")


@dataclass(frozen=True, kw_only=True)
class Answer:
    """Answers of one source about one item."""

    source: Source
    trees: Sequence[Any]
    """Whole answers, one for each row; a metric's values."""
    error: str = ""


World = Mapping[str, Answer]
"""All answers that one item is made of, by their source."""


def build(anatomy: Anatomy, choice: Choice, number: int) -> World:
    """Build AWS's answers about the example of that number."""
    values = {slot: known[0] for slot, known in anatomy.space.slots.items()} | dict(choice)
    return {s.name: _answer(s, _of(values, s.name), number) for s in anatomy.sources}


def rows(answer: Answer) -> list[Any]:
    """The rows of the answers, as a step lists them."""
    found: list[Any] = []
    for tree in answer.trees:
        found += _dig(tree, answer.source.at)
    return found


def _of(values: Choice, source: str) -> dict[Path, Any]:
    return {slot.path: value for slot, value in values.items() if slot.source == source}


def _answer(source: Source, values: Mapping[Path, Any], number: int) -> Answer:
    there = values.get((ANSWER,), Count(1))
    if isinstance(there, Fails):
        return Answer(source=source, trees=(), error=there.code)
    times = there.number if isinstance(there, Count) else 1
    if source.op is None:
        value = values.get((ELEMENT,), 1)
        return Answer(source=source, trees=[value + n for n in range(times)])
    values = {path: value for path, value in values.items() if path != (ANSWER,)}
    if CSV in source.at:  # A document is one answer, however many rows it has.
        values, times = {**values, (*source.at[:-1], COUNT): Count(times)}, 1
    trees = []
    for copy in range(times):
        tree = _tree(values, source)
        other = tree if copy == 0 else numbered(tree, f"{NUMBER}-{copy + 1}")
        trees.append(numbered(other, number))
    return Answer(source=source, trees=trees)


def _tree(values: Mapping[Path, Any], source: Source) -> Any:
    nested: dict[str, Any] = {}
    if source.at:
        _reach(nested, source.at)
    # Deep paths first: a plain value for a whole place gives way to what stands within it.
    for path, value in sorted(values.items(), key=lambda entry: len(entry[0]), reverse=True):
        _put(nested, path, value)
    assert source.op is not None
    return _finished(nested, source.op.output, source)


def _reach(nested: dict[str, Any], path: Path) -> dict[str, Any]:
    for part in path:
        below = nested.setdefault(part, {})
        if not isinstance(below, dict):
            return {}
        nested = below
    return nested


def _put(nested: dict[str, Any], path: Path, value: Any) -> None:
    if not path or (value is ABSENT and path[-1] in (JSON, CSV)):
        return  # a document that is not there leaves no member behind
    holder = _reach(nested, path[:-1])
    if isinstance(value, Count) and path[-1] != COUNT:
        holder.setdefault(path[-1], {}).setdefault(COUNT, value)
    elif not holder.get(path[-1]) and value is not ABSENT:
        holder[path[-1]] = value


def _finished(tree: Any, shape: Shape | None, source: Source) -> Any:
    if tree == {} and isinstance(shape, ListShape):
        return []
    if not isinstance(tree, dict):
        return tree
    if JSON in tree:
        return json.dumps(_finished(tree[JSON], None, source))
    if CSV in tree:
        return _csv(_finished(tree[CSV], None, source))
    if ELEMENT in tree or COUNT in tree or SECOND in tree or isinstance(shape, ListShape):
        return _list(tree, shape, source)
    members = {k: v for k, v in tree.items() if not k.startswith(TAG)}
    done = {name: _finished(value, member(shape, name), source) for name, value in members.items()}
    # AWS leaves out what is not set, so a member under which nothing was chosen is not there.
    done = {name: value for name, value in done.items() if value != {} or members[name] == {}}
    return _tagged(done, {k.removeprefix(TAG): v for k, v in tree.items() if k.startswith(TAG)}, shape)


def _list(tree: Mapping[str, Any], shape: Shape | None, source: Source) -> Any:
    below = shape.member if isinstance(shape, ListShape) else None
    tags = {k: v for k, v in tree.items() if k.startswith(TAG)}
    if tags:
        return _tag_list({k.removeprefix(TAG): v for k, v in tags.items()}, shape)
    number = tree.get(COUNT, Count(1)).number
    second = tree.get(SECOND, {})
    more = [_finished({k: v for k, v in second.items() if k != COUNT}, below, source)] * second.get(
        COUNT, Count(0)
    ).number
    if ELEMENT in tree:
        element = _finished(tree[ELEMENT], below, source)
        if element == {} and COUNT not in tree and tree[ELEMENT] != {}:
            return more
    else:
        element = _filler(below, source)
    return [numbered(element, f"{NUMBER}-{n + 1}") if n else element for n in range(number)] + more


def _filler(shape: Shape | None, source: Source) -> Any:
    if isinstance(shape, StructureShape):
        # One plain member is enough to tell an element from an empty one.
        plain = {n: s for n, s in shape.members.items() if not isinstance(s, StructureShape | ListShape | MapShape)}
        return {n: default(Field(source=source, path=(n,), shape=s)) for n, s in list(plain.items())[:1]}
    return default(Field(source=source, path=("value",), shape=shape))


def _tagged(done: dict[str, Any], tags: Mapping[str, Any], shape: Shape | None) -> Any:
    if not tags:
        return done
    if isinstance(shape, MapShape):
        return {**done, **tags}
    members = shape.members if isinstance(shape, StructureShape) else {}
    holder = next((name for name in TAG_HOLDERS if name in members), "Tags")
    return {**done, holder: _tag_list(tags, members.get(holder))}


def _tag_list(tags: Mapping[str, Any], shape: Shape | None) -> Any:
    if isinstance(shape, MapShape):
        return dict(tags)
    # Services write `Key`, `TagKey` or `tagKey`.
    keys = ("Key", "Value")
    if isinstance(shape, ListShape) and isinstance(shape.member, StructureShape):
        names = list(shape.member.members)
        keys = (
            next((n for n in names if n.lower().endswith("key")), "Key"),
            next((n for n in names if n.lower().endswith("value")), "Value"),
        )
    return [{keys[0]: key, keys[1]: value} for key, value in tags.items()]


def _csv(lines: Sequence[Mapping[str, Any]]) -> str:
    out = io.StringIO()
    writer = csv.DictWriter(out, fieldnames=list(lines[0]) if lines else [])
    writer.writeheader()
    writer.writerows(lines)
    return out.getvalue()


def _dig(tree: Any, path: Path) -> list[Any]:
    if not path:
        return [tree]
    if path[0] == CSV:
        return _dig(parse_csv(tree), path[1:])
    if path[0] == ELEMENT:
        return [row for entry in tree or () for row in _dig(entry, path[1:])]
    return _dig(tree.get(path[0]), path[1:]) if isinstance(tree, dict) else []
