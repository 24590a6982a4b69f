"""Chooses the examples: one that matches, and for each clause those that it alone tells apart."""

import random
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain
from typing import Any

from phasegate.runbooks.compiler.test_generator import oracle
from phasegate.runbooks.compiler.test_generator.answer_fields import Slot
from phasegate.runbooks.compiler.test_generator.build import build
from phasegate.runbooks.compiler.test_generator.item_model import Anatomy
from phasegate.runbooks.compiler.test_generator.mutations import alterations
from phasegate.runbooks.compiler.test_generator.oracle import Item
from phasegate.runbooks.compiler.test_generator.values import ABSENT, Ago, Count, Fails
from phasegate.runbooks.language.expressions import Node
from phasegate.runbooks.language.model import Runbook
from phasegate.runbooks.runtime.values import truth

# Bounds of the search, so that a runbook that nothing matches costs seconds and not minutes.
_RESTARTS = 30
_PAIRS = 1500
_SAMPLES = 600
_PER_SLOT = 3
USUAL = {"match": "as the runbook describes it", "warn": "only worth a warning", "skip": "left out on purpose"}


@dataclass(frozen=True)
class Example:
    """A choice of values, with what the file says of it and what sets it apart."""

    choice: Mapping[Slot, Any] = field(hash=False)
    verdict: str
    words: str


@dataclass(frozen=True, kw_only=True)
class Examples:
    """The examples for a runbook, and the clauses that none was found for."""

    chosen: Sequence[Example]
    untold: Sequence[tuple[str, str]]
    """Parts of the file of which a change would go unnoticed: `match` or another key, and what of its expression."""


class Chooser:
    """Searches the space of values of one runbook. Deterministic: the same file gives the same examples."""

    def __init__(self, anatomy: Anatomy) -> None:
        self._anatomy = anatomy
        self._random = random.Random(0)  # noqa: S311 - a fixed sequence is what is wanted
        self._items: dict[tuple[Any, ...], Item | None] = {}

    def choose(self) -> Examples:
        """Return all examples, the match first, or none where nothing matches."""
        bases = {word: base for word in ("match", "warn", "skip") if (base := self._base(word)) is not None}
        if "match" not in bases:
            return Examples(chosen=(), untold=(("match", self._runbook.match),))
        pool = self._pool(bases)
        chosen = [e for e in pool if e.words in USUAL.values()] + [e for e in pool if self._is_error(e)]
        chosen += [e for e in self._near_misses(pool) if e not in chosen]
        untold: set[tuple[str, str]] = set()
        for key, part, node in self._altered():
            if any(self._told(e.choice, key, node) for e in chosen):
                continue
            found = next((e for e in pool if self._told(e.choice, key, node)), None) or self._sought(
                bases["match"], key, node
            )
            if found is None:
                untold.add((key, part))
            else:
                chosen.append(found)
        if all(example.verdict not in ("none", "skip") for example in chosen):
            chosen += self._missed(bases["match"])
        return Examples(chosen=_named_once(chosen), untold=sorted(untold))

    def verdict(self, choice: Mapping[Slot, Any]) -> str:
        """Return the file's verdict about the choice."""
        return oracle.verdict(self._runbook, self._item(choice))

    def judged_row(self, choice: Mapping[Slot, Any]) -> Mapping[str, Any] | None:
        """Return the row that a choice makes, or None where `where` leaves it out or nothing can be said of it."""
        found = self._item(choice)
        if found is None or found.failed or found.missing:
            return None
        where = self._nodes.get("where")
        return found.row if where is None or truth(oracle.ask(str(self._runbook.where), found.row)) else None

    def name(self, slot: Slot) -> str:
        """Return the readable name of a field."""
        return slot.words(self._anatomy.source(slot.source).at)

    @property
    def _runbook(self) -> Runbook:
        return self._anatomy.runbook

    @property
    def _slots(self) -> Mapping[Slot, list[Any]]:
        return self._anatomy.space.slots

    @cached_property
    def _nodes(self) -> dict[str, Node]:
        return oracle.judged(self._runbook)

    def _item(self, choice: Mapping[Slot, Any]) -> Item | None:
        key = tuple(repr(choice.get(slot, known[0])) for slot, known in self._slots.items())
        if key not in self._items:
            self._items[key] = oracle.item(self._anatomy, build(self._anatomy, choice, 1))
        return self._items[key]

    def _told(self, choice: Mapping[Slot, Any], key: str, node: Node) -> bool:
        found = self._item(choice)
        return oracle.verdict(self._runbook, found) != oracle.verdict(self._runbook, found, {key: node})

    def _altered(self) -> Iterator[tuple[str, str, Node]]:
        for key, node in self._nodes.items():
            yield from ((key, part, other) for part, other in alterations(node, self._runbook.scope.params))

    def _base(self, wanted: str) -> dict[Slot, Any] | None:
        """A choice with the wanted verdict, by climbing from the usual values and then from others."""
        if wanted != "match" and wanted not in self._nodes:
            return None
        goal = {"where": 1.0, "match": float(wanted != "warn"), "warn": 1.0, "skip": float(wanted == "skip")}
        goal = {k: v for k, v in goal.items() if k in self._nodes and not (k == "warn" and wanted != "warn")}
        # Climbing stops at the first summit, which need not be the wanted one; random starts find others.
        for start in range(_RESTARTS):
            choice = {s: known[0] if not start else self._random.choice(known) for s, known in self._slots.items()}
            choice = self._climbed(choice, goal)
            if self.verdict(choice) == wanted:
                return self._unverified(self._settled(choice, wanted))
        return None

    def _unverified(self, choice: dict[Slot, Any]) -> dict[Slot, Any]:
        """Return the choice before the remediation, so that the file's `verify` does not hold yet."""
        texts = [a.verify for a in self._runbook.action if a.verify and a.verify != "gone"]
        if not texts or not self._verified(choice, texts):
            return choice
        verdict = self.verdict(choice)
        others = ({**choice, slot: value} for slot, value in self._steps(choice))
        return next((o for o in others if self.verdict(o) == verdict and not self._verified(o, texts)), choice)

    def _verified(self, choice: Mapping[Slot, Any], texts: Sequence[str]) -> bool:
        found = self._item(choice)
        return found is not None and all(truth(oracle.ask(text, found.row)) for text in texts)

    def _climbed(self, choice: dict[Slot, Any], goal: Mapping[str, float]) -> dict[Slot, Any]:
        best = self._score(choice, goal)
        # A clause may need what only another clause's value makes possible, so it takes some rounds.
        for _ in range(4):
            before = best
            for slot, known in self._slots.items():
                for value in known:
                    other = {**choice, slot: value}
                    if (score := self._score(other, goal)) > best:
                        choice, best = other, score
            if best == before:
                break
        return choice

    def _score(self, choice: Mapping[Slot, Any], goal: Mapping[str, float]) -> float:
        found = self._item(choice)
        if found is None or found.failed:
            return -1.0
        # Half a point for half of the clauses: a step that nears the goal must count, or climbing would stand still.
        return sum(1 - abs(want - _softly(self._nodes[key], found.row)) for key, want in goal.items())

    def _settled(self, choice: dict[Slot, Any], wanted: str) -> dict[Slot, Any]:
        """Back to the usual value wherever the verdict does not need another."""
        for slot, known in self._slots.items():
            other = {**choice, slot: known[0]}
            if self.verdict(other) == wanted:
                choice = other
        return choice

    def _pool(self, bases: Mapping[str, dict[Slot, Any]]) -> list[Example]:
        found = [Example(base, word, USUAL[word]) for word, base in bases.items()]
        for word, base in bases.items():
            for slot, value in self._steps(base):
                prefix = "" if word == "match" else f"{USUAL[word]}, but "
                choice = {**base, slot: value}
                found.append(Example(choice, self.verdict(choice), prefix + self._words(slot, value)))
        return found

    def _steps(self, base: Mapping[Slot, Any]) -> Iterator[tuple[Slot, Any]]:
        for slot, known in self._slots.items():
            yield from ((slot, value) for value in known if not _same(value, base[slot]))

    def _words(self, slot: Slot, value: Any) -> str:
        return words_of(self.name(slot), value)

    def _is_error(self, example: Example) -> bool:
        return not example.words.startswith(tuple(USUAL.values())) and any(
            isinstance(v, Fails) for v in example.choice.values()
        )

    def _near_misses(self, pool: Iterable[Example]) -> list[Example]:
        """For each place, up to three values that alone make the match none."""
        usual = next(e for e in pool if e.words == USUAL["match"])
        kept: list[Example] = []
        counted: dict[Slot, int] = {}
        for example in pool:
            slots = [s for s in self._slots if not _same(example.choice[s], usual.choice[s])]
            if len(slots) == 1 and example.verdict != "match" and counted.get(slots[0], 0) < _PER_SLOT:
                counted[slots[0]] = counted.get(slots[0], 0) + 1
                kept.append(example)
        return kept

    def _sought(self, base: Mapping[Slot, Any], key: str, node: Node) -> Example | None:
        """Two steps from the match, or wherever climbing leads, until the change shows."""
        return self._found(base, lambda choice: self._told(choice, key, node))

    def _missed(self, base: Mapping[Slot, Any]) -> list[Example]:
        """Return an example that is not found, to which no single step from the match leads."""
        found = self._found(base, lambda choice: self.verdict(choice) == "none" and self._item(choice) is not None)
        return [] if found is None else [found]

    def _found(self, base: Mapping[Slot, Any], shows: Callable[[Mapping[Slot, Any]], bool]) -> Example | None:
        steps = list(self._steps(base))
        pairs = [(a, b) for i, a in enumerate(steps) for b in steps[i + 1 :] if a[0] != b[0]]
        if len(pairs) > _PAIRS:
            # All pairs of a large space would take minutes; a fixed sample keeps the result the same.
            pairs = self._random.sample(pairs, _PAIRS)
        near = ({**base, one[0]: one[1], two[0]: two[1]} for one, two in pairs)
        told = ({**base, **asked} for asked in self._anatomy.space.elements())
        found = next((choice for choice in chain(told, near, self._samples) if shows(choice)), None)
        return None if found is None else self._nearest(base, found, shows)

    @cached_property
    def _samples(self) -> list[dict[Slot, Any]]:
        """Random choices from all over the space, for verdicts far from the match."""
        return [{s: self._random.choice(known) for s, known in self._slots.items()} for _ in range(_SAMPLES)]

    def _nearest(
        self, base: Mapping[Slot, Any], found: dict[Slot, Any], shows: Callable[[Mapping[Slot, Any]], bool]
    ) -> Example:
        """Bring a choice as near to the match as it goes without losing what it shows."""
        for slot in self._slots:
            other = {**found, slot: base[slot]}
            if shows(other):
                found = other
        differing = [slot for slot in self._slots if not _same(found[slot], base[slot])]
        return Example(found, self.verdict(found), ", ".join(self._words(slot, found[slot]) for slot in differing))


def words_of(name: str, value: Any) -> str:
    """Return the words that set an example apart: `State is in-use`."""
    if value is ABSENT:
        return f"no {name}"
    if isinstance(value, Count):
        return f"no {name}" if value.number == 0 else f"{value.number} of {name}"
    if isinstance(value, Fails):
        return f"{name} answers {value.code}"
    if isinstance(value, Ago):
        return f"{name} {value}"
    if value == "":
        return f"{name} is empty"
    text = str(value).replace("-§", "").replace("§", "")
    return f"{name} is {text if len(text) < 50 else text[:47] + '...'}"


def _same(one: Any, other: Any) -> bool:
    return type(one) is type(other) and bool(one == other)


def _softly(node: Node, row: Any) -> float:
    """Return how nearly an expression is true, by its clauses, from 0 to 1."""
    if node["type"] == "and_expression":
        return sum(_softly(child, row) for child in node["children"]) / 2
    if node["type"] == "or_expression":
        return max(_softly(child, row) for child in node["children"])
    if node["type"] == "not_expression":
        return 1 - _softly(node["children"][0], row)
    try:
        return float(truth(oracle.value(node, row)))
    except oracle.FAILURES:
        return 0.0


def _named_once(examples: Sequence[Example]) -> list[Example]:
    seen: dict[str, int] = {}
    named: list[Example] = []
    for example in examples:
        count = seen[example.words] = seen.get(example.words, 0) + 1
        words = example.words if count == 1 else f"{example.words} ({count})"
        named.append(Example(example.choice, example.verdict, words))
    return named
