"""Model of a runbook's item: the sources of its rows and details, and the fields that expressions read."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from botocore.model import ListShape, StructureShape

from phasegate.runbooks import aws
from phasegate.runbooks.tests_emit.candidates import Space, default
from phasegate.runbooks.tests_emit.places import ANSWER, ELEMENT, Place, Slot, Source, shape_at
from phasegate.runbooks.tests_emit.values import ABSENT, ACCOUNT, NOW, REGION, Count, Fails
from phasegate.runbooks.tests_emit.walk import Fixed, Found, Walker

Document = Mapping[str, Any]
"""A runbook.yaml as plain data."""


@dataclass(frozen=True, kw_only=True)
class Anatomy:
    """Sources in the order in which they are asked, and the space of values."""

    document: Document
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
        return [s for s in self.sources if s.name.split("/")[0] == "list"][-1]


def anatomy(document: Document) -> Anatomy:
    """Read a runbook's listing, details and expressions."""
    return _Reader(document).read()


def op_of(step: Any) -> str:
    """The operation of a step, in its short or long form."""
    return step if isinstance(step, str) else step["op"]


class _Reader:
    def __init__(self, document: Document) -> None:
        self.document = document
        self.space = Space()
        self.sources: list[Source] = []
        params = (document.get("scope") or {}).get("params") or {}
        self.own: dict[str, Found] = {
            "_params": Fixed(value=params),
            "_region": Fixed(value=REGION),
            "_account": Fixed(value=ACCOUNT),
            "_now": Fixed(value=NOW.isoformat()),
        }
        self.names = dict(self.own)
        self.twins: list[tuple[Slot, Slot]] = []
        self.asked: Found = None

    def read(self) -> Anatomy:
        item = self._steps("list", self.document["list"], "")
        self.names["_items"] = Place(source=item.source, path=item.path, shape=item.shape, virtual=1)
        root: Found = item
        self._walk_judge(self.document.get("where"), root)
        for entry in self.document.get("with") or ():
            self.names[entry["as"]] = self._entry(entry, item)
        for key in ("match", "warn", "skip"):
            self._walk_judge(self.document.get(key), root)
        for text in (self.document["id"], *(self.document.get("evidence") or ())):
            self._walk_value(text, root)
        self._cost(root)
        self._actions(root)
        for source in self.sources:
            if source.op is None:  # no value is no datapoint, which is tried already
                values = self.space.slots.setdefault(Slot(source=source.name, path=(ELEMENT,)), [1])
                values[:] = [value for value in values if value is not ABSENT]
        for one, other in self.twins:
            self.space.add(other, self.space.slots.get(one, []))
        self.space.doubled()
        return Anatomy(document=self.document, sources=self.sources, space=self.space, names=self.names)

    def _walk_judge(self, text: Any, at: Found) -> None:
        if isinstance(text, str):
            Walker(self.space, self.names).judge(text, at)

    def _walk_value(self, text: Any, at: Found, names: Mapping[str, Found] | None = None) -> Found:
        if not isinstance(text, str):
            return None
        walker = Walker(self.space, self.names if names is None else names)
        found = walker.value(text, at)
        if isinstance(found, Place) and not found.virtual and not isinstance(found.shape, ListShape):
            self.space.usual(found)
        return found

    def _params(self, value: Any, at: Found, names: Mapping[str, Found] | None = None) -> None:
        if isinstance(value, str) and value.startswith("="):
            self._walk_value(value[1:], at, names)
        elif isinstance(value, Mapping):
            for entry in value.values():
                self._params(entry, at, names)
        elif isinstance(value, list):
            for entry in value:
                self._params(entry, at, names)

    def _steps(self, name: str, steps: Any, parent: str) -> Place:
        chain = steps if isinstance(steps, list) else [steps]
        place: Place | None = None
        reach: Mapping[str, Found] = self.own
        for number, step in enumerate(chain):
            spec = {"op": step} if isinstance(step, str) else dict(step)
            own = name if len(chain) == 1 else f"{name}/{number}"
            above = parent if place is None else place.source.name
            if place is not None:
                self._params(spec.get("params"), place, reach)
                self._linked(spec, place, reach)
                reach = {**reach, **self._kept(spec.get("keep"), place, reach)}
            place = self._rows(own, spec, above)
            if place is not None and number and spec.get("param"):
                self._find_ids(place)
        assert place is not None
        if name == "list":
            self.names.update(reach)
        return place

    def _linked(self, spec: Mapping[str, Any], parent: Place, reach: Mapping[str, Found]) -> None:
        ids = spec.get("ids")
        self.asked = self._walk_value("_" if ids == "@" else ids, parent, reach) if ids else None

    def _find_ids(self, row: Place) -> None:
        """A batch finds its rows by ids: some member of the row is the id that was asked for."""
        if isinstance(self.asked, Place) and isinstance(row.shape, StructureShape):
            usual = self.space.usual(self.asked)
            names = [n for n, s in row.shape.members.items() if s.type_name == "string"]
            named = [n for n in names if n.lower().endswith(("arn", "id", "identifier", "name"))] or names
            self.space.add(row.child(named[0]).slot, [usual])

    def _kept(self, keep: Any, parent: Place, reach: Mapping[str, Found]) -> dict[str, Found]:
        if isinstance(keep, Mapping):
            return {name: self._walk_value(text, parent, reach) for name, text in keep.items()}
        return {name: self._walk_value(name, parent, reach) for name in keep or ()}

    def _rows(self, name: str, spec: Mapping[str, Any], parent: str) -> Place:
        op = aws.operation(op_of(spec))
        rows = spec.get("items") or spec.get("rows") or op.rows_key
        bare = Source(name=name, op=op, spec=spec, parent=parent)
        top = Place(source=bare, path=(), shape=op.output)
        found = Walker(self.space, self.own).value(rows, top) if rows else top
        path, shape = (found.path, found.shape) if isinstance(found, Place) else ((), op.output)
        if isinstance(shape, ListShape):
            path, shape = (*path, ELEMENT), shape.member
        source = Source(name=name, op=op, at=path, spec=spec, parent=parent)
        self.sources.append(source)
        return Place(source=source, path=path, shape=shape)

    def _entry(self, entry: Document, item: Place) -> Found:
        form = next(f for f in ("get", "list", "set", "batch", "metric", "let") if f in entry)
        found: Found = getattr(self, f"_{form}")(entry, item)
        return found

    def _get(self, entry: Document, item: Place) -> Found:
        op = aws.operation(entry["get"] if isinstance(entry["get"], str) else entry["get"]["op"])
        params = (
            entry.get("params") or (entry["get"].get("params") if isinstance(entry["get"], Mapping) else None) or {}
        )
        source = Source(name=entry["as"], op=op, spec={**entry, "params": params}, parent="item")
        self.sources.append(source)
        self._params(params, item)
        codes = entry.get("on_error") or []
        codes = [codes] if isinstance(codes, str) else codes
        self.space.add(
            Slot(source=source.name, path=(ANSWER,)), [Count(1), *(Fails(c) for c in codes), Fails("InternalFailure")]
        )
        return self._selected(entry, Place(source=source, path=(), shape=op.output))

    def _selected(self, entry: Document, place: Place) -> Found:
        select = entry.get("select")
        if not select:
            return place
        return self._walk_value(select, place, self.own)

    def _list(self, entry: Document, item: Place) -> Found:
        row = self._steps(entry["as"], entry["list"], "item")
        left, right = entry["by"]
        self._joined(self._walk_value(left, item), self._walk_value(right, row, self.own))
        many = bool(entry.get("many"))
        numbers = [Count(0), Count(1), Count(2)] if many else [Count(0), Count(1)]
        self.space.add(Slot(source=row.source.name, path=(ANSWER,)), numbers)
        found = Place(source=row.source, path=row.path, shape=row.shape, virtual=1) if many else row
        return self._selected(entry, found)

    def _joined(self, left: Found, right: Found) -> None:
        if isinstance(left, Place) and isinstance(right, Place):
            left, right = (p.element if isinstance(p.shape, ListShape) or p.virtual else p for p in (left, right))
            usual = self.space.usual(left)
            known = self.space.slots.pop(right.slot, [])
            self.space.add(right.slot, [usual, *known, default(right)])

    def _set(self, entry: Document, item: Place) -> Found:
        last: Found = None
        for number, listing in enumerate(entry["set"]):
            row = self._steps(f"{entry['as']}.{number}" if len(entry["set"]) > 1 else entry["as"], listing["list"], "")
            self.space.add(Slot(source=row.source.name, path=(ANSWER,)), [Count(1), Count(0)])
            found = self._walk_value(listing.get("select") or "_", row, self.own)
            if isinstance(found, Place):
                bare = Place(source=found.source, path=found.path, shape=found.shape)
                if isinstance(bare.shape, ListShape):
                    bare = bare.element
                self.space.usual(bare)
                if isinstance(last, Place):
                    self._same_values(last.element, bare)
                else:
                    last = Place(source=bare.source, path=bare.path, shape=bare.shape, virtual=1)
        return last

    def _same_values(self, one: Place, other: Place) -> None:
        self.twins.append((one.slot, other.slot))

    def _batch(self, entry: Document, item: Place) -> Found:
        named = entry["batch"]
        spec = {**entry, "op": named if isinstance(named, str) else named["op"]}
        row = self._rows(entry["as"], spec, "item")
        key = entry["by"][-1] if isinstance(entry["by"], list) else entry["by"]
        self._joined(self._walk_value(entry["ids"], item), self._walk_value(key, row, self.own))
        self.space.add(Slot(source=row.source.name, path=(ANSWER,)), [Count(1), Count(0)])
        return self._selected(entry, row)

    def _metric(self, entry: Document, item: Place) -> Found:
        source = Source(name=entry["as"], op=None, spec=entry["metric"], parent="item")
        self.sources.append(source)
        self._params(entry["metric"].get("dims") or {}, item)
        self.space.add(
            Slot(source=source.name, path=(ANSWER,)),
            [Count(1), Count(0), *([Count(2)] if entry["metric"].get("period") else [])],
        )
        return Place(source=source, path=(ELEMENT,), shape=_number_shape(), virtual=1)

    def _let(self, entry: Document, item: Place) -> Found:
        return self._walk_value(entry["let"], item)

    def _cost(self, root: Found) -> None:
        cost = self.document.get("cost") or {}
        self._walk_value(cost.get("quantity"), root)
        for part in str(cost.get("unit", "")).split("{")[1:]:
            self._walk_value(part.split("}")[0], root)

    def _actions(self, root: Found) -> None:
        self.names["snapshot"] = None
        for action in self.document.get("action") or ():
            self._params(action.get("params"), root)
            if action.get("verify") != "gone":
                self._walk_judge(action.get("verify"), root)
            snapshot = action.get("snapshot")
            for call in [snapshot] if isinstance(snapshot, Mapping) else snapshot or ():
                self._params(call.get("params"), root)
            self._params((action.get("undo") or {}).get("params"), root)


def _number_shape() -> Any:
    """The shape of a datapoint's value."""
    points = shape_at(aws.operation("cloudwatch.GetMetricStatistics").output, ("Datapoints", ELEMENT, "Sum"))
    return points
