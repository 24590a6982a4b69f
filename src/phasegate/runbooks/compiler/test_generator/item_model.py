"""Model of a runbook's item: the sources of its rows and details, and the fields that expressions read."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from botocore.model import ListShape, StructureShape

from phasegate.runbooks.compiler.test_generator.answer_fields import ANSWER, CSV, ELEMENT, Field, Slot, Source, shape_at
from phasegate.runbooks.compiler.test_generator.candidates import Space, default
from phasegate.runbooks.compiler.test_generator.expression_values import Fixed, Found, Walker
from phasegate.runbooks.compiler.test_generator.values import ABSENT, ACCOUNT, ELSEWHERE, NOW, REGION, Count, Fails
from phasegate.runbooks.language import aws
from phasegate.runbooks.language.model import (
    Action,
    Batch,
    Get,
    Join,
    Let,
    Metric,
    Runbook,
    Step,
    Union,
    Values,
    With,
    expressions_in,
)


@dataclass(frozen=True, kw_only=True)
class Anatomy:
    """Sources in the order in which they are asked, and the space of values."""

    runbook: Runbook
    sources: Sequence[Source]
    space: Space
    names: Mapping[str, Found]
    """`with` names and kept keys, and where their values stand."""

    def source(self, name: str) -> Source:
        """By its name."""
        return next(s for s in self.sources if s.name == name)

    @property
    def listing(self) -> Source:
        """The last step of the listing, whose rows are the items."""
        return [s for s in self.sources if s.is_listing][-1]


def anatomy(runbook: Runbook) -> Anatomy:
    """Read a runbook's listing, details and expressions."""
    return _Reader(runbook).read()


class _Reader:
    def __init__(self, runbook: Runbook) -> None:
        self.runbook = runbook
        self.space = Space()
        self.sources: list[Source] = []
        self.own: dict[str, Found] = {name: Fixed(value=value) for name, value in names(runbook).items()}
        self.names = dict(self.own)
        self.twins: list[tuple[Slot, Slot]] = []
        self.asked: Found = None

    def read(self) -> Anatomy:
        runbook = self.runbook
        item = self._steps("list", runbook.list_, "")
        self.names["_items"] = Field(source=item.source, path=item.path, shape=item.shape, virtual=1)
        self._walk_judge(runbook.where, item)
        for entry in runbook.with_:
            self.names[entry.as_] = self._entry(entry, item)
        for text in (runbook.match, runbook.warn, runbook.skip):
            self._walk_judge(text, item)
        for text in (runbook.id, *runbook.evidence):
            self._walk_value(text, item)
        self._cost(item)
        self._actions(item)
        for source in self.sources:
            self._always_there(source)
        # After all expressions were walked: each listing of a set must be able to hold what the others hold.
        for one, other in self.twins:
            self.space.add(other, self.space.slots.get(one, []))
        self.space.doubled()
        return Anatomy(runbook=runbook, sources=self.sources, space=self.space, names=self.names)

    def _always_there(self, source: Source) -> None:
        """Take the absent value from what is always there: a datapoint, and a row that is a plain text."""
        # No value is no datapoint or no row, which is tried already.
        slot = Slot(source=source.name, path=(ELEMENT,) if source.op is None else source.at)
        values = self.space.slots.setdefault(slot, [1]) if source.op is None else self.space.slots.get(slot, [])
        values[:] = [value for value in values if value is not ABSENT]

    def _walk_judge(self, text: str | None, at: Found) -> None:
        if text is not None:
            Walker(self.space, self.names).judge(text, at)

    def _walk_value(self, text: str, at: Found, names: Mapping[str, Found] | None = None) -> Found:
        walker = Walker(self.space, self.names if names is None else names)
        found = walker.value(text, at)
        if isinstance(found, Field) and not found.virtual and not isinstance(found.shape, ListShape):
            self.space.usual(found)
        return found

    def _params(self, params: Any, at: Found, names: Mapping[str, Found] | None = None) -> None:
        for text in expressions_in(params):
            self._walk_value(text, at, names)

    def _region(self, region: str | None, at: Field) -> None:
        """Let the region of an item be one that is not the scan's, and be missing."""
        for text in expressions_in(region):
            place = Walker(self.space, self.names).value(text, at)
            if isinstance(place, Field) and not place.virtual:
                self.space.add(place.slot, [ELSEWHERE, ABSENT])

    def _steps(self, name: str, steps: Sequence[Step], parent: str) -> Field:
        reach = self.own
        place = self._rows(name if len(steps) == 1 else f"{name}/0", steps[0], steps[0].items, parent)
        for number, step in enumerate(steps[1:], 1):
            self._params(step.params, place, reach)
            ids = "_" if step.ids == "@" else step.ids
            self.asked = self._walk_value(ids, place, reach) if ids else None
            reach = reach | {name: self._walk_value(text, place, reach) for name, text in step.keep.items()}
            place = self._rows(f"{name}/{number}", step, step.items, place.source.name)
            if step.param:
                self._find_ids(place)
        if name == "list":
            self.names.update(reach)
        return place

    def _find_ids(self, row: Field) -> None:
        """A batch finds its rows by ids: some member of the row is the id that was asked for."""
        if isinstance(self.asked, Field) and isinstance(row.shape, StructureShape):
            usual = self.space.usual(self.asked)
            names = [n for n, s in row.shape.members.items() if s.type_name == "string"]
            named = [n for n in names if n.lower().endswith(("arn", "id", "identifier", "name"))] or names
            self.space.add(row.child(named[0]).slot, [usual])

    def _rows(self, name: str, part: Step | Batch, at: str | None, parent: str) -> Field:
        op = aws.operation(part.batch if isinstance(part, Batch) else part.op)
        rows = at or op.rows_key
        bare = Source(name=name, op=op, part=part, parent=parent)
        top = Field(source=bare, path=(), shape=op.output)
        found = Walker(self.space, self.own).value(rows, top) if rows else top
        path, shape = (found.path, found.shape) if isinstance(found, Field) else ((), op.output)
        if isinstance(shape, ListShape) or path[-1:] == (CSV,):
            path, shape = (*path, ELEMENT), getattr(shape, "member", None)
        source = replace(bare, at=path)
        self.sources.append(source)
        return Field(source=source, path=path, shape=shape)

    def _entry(self, entry: With, item: Field) -> Found:
        match entry:
            case Get():
                return self._get(entry, item)
            case Join():
                return self._list(entry, item)
            case Union():
                return self._set(entry)
            case Batch():
                return self._batch(entry, item)
            case Metric():
                return self._metric(entry, item)
            case Let():
                return self._walk_value(entry.let, item)

    def _get(self, entry: Get, item: Field) -> Found:
        op = aws.operation(entry.get)
        source = Source(name=entry.as_, op=op, part=entry, parent="item")
        self.sources.append(source)
        self._region(entry.region, item)
        self._params(entry.params, item)
        # InternalFailure is an error that no runbook declares, and so makes the item unknown.
        failures = [Fails(code) for code in (*entry.on_error, "InternalFailure")]
        self.space.add(Slot(source=source.name, path=(ANSWER,)), [Count(1), *failures])
        return self._selected(entry.select, Field(source=source, path=(), shape=op.output))

    def _selected(self, select: str | None, place: Field) -> Found:
        return self._walk_value(select, place, self.own) if select else place

    def _list(self, entry: Join, item: Field) -> Found:
        row = self._steps(entry.as_, entry.list_, "item")
        left, right = entry.by
        self._joined(self._walk_value(left, item), self._walk_value(right, row, self.own))
        # Two rows tell a list from a single value.
        numbers = [Count(0), Count(1), Count(2)] if entry.many else [Count(0), Count(1)]
        self.space.add(Slot(source=row.source.name, path=(ANSWER,)), numbers)
        return self._selected(entry.select, replace(row, virtual=1) if entry.many else row)

    def _joined(self, left: Found, right: Found) -> None:
        if isinstance(left, Field) and isinstance(right, Field):
            left, right = (p.element if isinstance(p.shape, ListShape) or p.virtual else p for p in (left, right))
            usual = self.space.usual(left)
            # The joined value goes first, so that the usual row is found by its key.
            known = self.space.slots.pop(right.slot, [])
            self.space.add(right.slot, [usual, *known, default(right)])

    def _set(self, entry: Union) -> Found:
        first: Field | None = None
        for name, listing in union_names(entry):
            row = self._steps(name, listing.list_, "")
            self.space.add(Slot(source=row.source.name, path=(ANSWER,)), [Count(1), Count(0)])
            found = self._walk_value(listing.select or "_", row, self.own)
            if isinstance(found, Field):
                bare = replace(found, virtual=0)
                bare = bare.element if isinstance(bare.shape, ListShape) else bare
                self.space.usual(bare)
                if first is None:
                    first = replace(bare, virtual=1)
                else:
                    self.twins.append((first.element.slot, bare.slot))
        return first

    def _batch(self, entry: Batch, item: Field) -> Found:
        row = self._rows(entry.as_, entry, entry.rows, "item")
        self._joined(self._walk_value(entry.ids, item), self._walk_value(entry.by, row, self.own))
        self.space.add(Slot(source=row.source.name, path=(ANSWER,)), [Count(1), Count(0)])
        return self._selected(entry.select, row)

    def _metric(self, entry: Metric, item: Field) -> Found:
        source = Source(name=entry.as_, op=None, part=entry.metric, parent="item")
        self.sources.append(source)
        self._region(entry.metric.region, item)
        self._params(entry.metric.dims, item)
        several = [Count(2)] if entry.metric.period else []
        self.space.add(Slot(source=source.name, path=(ANSWER,)), [Count(1), Count(0), *several])
        points = aws.operation("cloudwatch.GetMetricStatistics").output
        number = shape_at(points, ("Datapoints", ELEMENT, "Sum"))
        return Field(source=source, path=(ELEMENT,), shape=number, virtual=1)

    def _cost(self, item: Field) -> None:
        for cost in self.runbook.cost:
            self._walk_judge(cost.when, item)
            self._region(cost.region, item)
            self._walk_value(cost.quantity, item)
            for part in cost.unit.split("{")[1:]:
                self._walk_value(part.split("}")[0], item)

    def _actions(self, item: Field) -> None:
        self.names["snapshot"] = None
        for action in self.runbook.action:
            reach = self._element(action, item)
            self._params(action.params, item, reach)
            if action.wait:
                self._params(action.wait.params, item, reach)
            if action.verify != "gone":
                self._walk_judge(action.verify, item)
            for call in filter(None, (action.snapshot, *action.undo)):
                self._params(call.params, item, reach)
            for undo in action.undo:
                if undo.when is not None:
                    Walker(self.space, reach).judge(undo.when, item)

    def _element(self, action: Action, item: Field) -> dict[str, Found]:
        """Return the names that an action reads: with `each`, those of an element beside the item's."""
        if action.each is None:
            return self.names
        found = self._walk_value(action.each, item)
        if not isinstance(found, Field):
            return {**self.names, "_": None}
        element = found.element if found.virtual or isinstance(found.shape, ListShape) else found
        if isinstance(element.shape, StructureShape):
            return {**self.names, **{name: element.child(name) for name in element.shape.members}}
        self.space.usual(element)
        return {**self.names, "_": element}


def names(runbook: Runbook) -> dict[str, Any]:
    """Return the language's own names and their values."""
    return {"_account": ACCOUNT, "_region": REGION, "_now": NOW.isoformat(), "_params": runbook.scope.params}


def union_names(entry: Union) -> list[tuple[str, Values]]:
    """Return the listings of a `set` entry, each with the name of its source."""
    alone = len(entry.set_) == 1
    return [(entry.as_ if alone else f"{entry.as_}.{number}", each) for number, each in enumerate(entry.set_)]
