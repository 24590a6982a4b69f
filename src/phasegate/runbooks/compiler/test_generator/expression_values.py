"""Walks an expression, and collects the places it looks at with the values that its clauses tell apart."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from botocore.model import ListShape, StructureShape

from phasegate.runbooks.compiler.test_generator import candidates, regex_samples
from phasegate.runbooks.compiler.test_generator.answer_fields import CSV, JSON, TAG, Field, Path
from phasegate.runbooks.compiler.test_generator.candidates import Space
from phasegate.runbooks.compiler.test_generator.values import ABSENT
from phasegate.runbooks.language.expressions import Node, Visitor, parse
from phasegate.runbooks.language.functions import FUNCTIONS, Samples


@dataclass(frozen=True, kw_only=True)
class Fixed:
    """A constant."""

    value: Any


@dataclass(frozen=True, kw_only=True)
class Derived:
    """Result of a function over a field."""

    how: str
    """`age`, `until`, `length`, `number`, `capture` or `split`."""
    place: Field
    pattern: str = ""
    group: int = 0
    joined: "Parts | None" = None
    """Captures of the field that are joined before the function reads them."""


@dataclass(frozen=True, kw_only=True)
class Names:
    """Names whose values no field says: `with` names, kept keys, the language's own."""

    known: Mapping[str, "Found"]


@dataclass(frozen=True, kw_only=True)
class Parts:
    """List of values that an expression puts together, and a text that is joined of them."""

    found: tuple["Found", ...]
    glue: str | None = None
    """Text between the parts of a joined text; None: it is a list."""


Found = Field | Fixed | Derived | Names | Parts | None


class Walker(Visitor):
    """Walks expressions over one kind of row."""

    def __init__(self, space: Space, names: Mapping[str, Found]) -> None:
        self.space = space
        self.names = dict(names)
        self._asked: dict[Path, Any] = {}

    def judge(self, text: str, at: Found) -> None:
        """Walk an expression whose truth counts."""
        self._truth(parse(text), at)

    def value(self, text: str, at: Found) -> Found:
        """Walk an expression whose value counts, and return where it stands."""
        return self._walk(parse(text), at)

    def _truth(self, node: Node, at: Found) -> None:
        if node["type"] in ("and_expression", "or_expression", "not_expression"):
            for child in node["children"]:
                self._truth(child, at)
            return
        if node["type"] == "pipe":
            self._truth(node["children"][1], self._walk(node["children"][0], at))
            return
        found = self._walk(node, at)
        if node["type"] in ("comparator", "function_expression") and not _is_tag(node):
            return
        if isinstance(found, Field):
            candidates.as_truth(self.space, found)

    def _walk(self, node: Node, at: Found) -> Found:
        found: Found = self.visit(node, at)
        return found

    def _other(self, node: Node, *context: Any) -> Found:
        for child in node["children"]:
            self.visit(child, *context)
        return None

    def _field(self, node: Node, at: Found) -> Found:
        name = node["value"]
        if name == "null":
            return Fixed(value=None)
        if isinstance(at, Fixed):
            return Fixed(value=at.value.get(name)) if isinstance(at.value, dict) else None
        if isinstance(at, Names):
            return at.known.get(name)
        if not isinstance(at, Field):
            return None
        return self.names[name] if name in self.names and _is_root(at) else at.child(name)

    def _subexpression(self, node: Node, at: Found) -> Found:
        for child in node["children"]:
            at = self._walk(child, at)
        return at

    _index_expression = _pipe = _subexpression

    def _index(self, node: Node, at: Found) -> Found:
        if isinstance(at, Derived) and at.how == "split":
            return at
        return at.element if isinstance(at, Field) else None

    def _projection(self, node: Node, at: Found) -> Found:
        left, right = node["children"][:2]
        found = self._walk(left, at)
        element = self._element(found)
        if node["type"] == "filter_projection":
            self._search(node["children"][2], found, element)
        inner = self._walk(right, element)
        if isinstance(inner, Field):
            self.seen(inner)
            return _listed(inner)
        return inner

    _filter_projection = _value_projection = _projection

    def _search(self, condition: Node, found: Found, element: Found) -> None:
        """Walk a condition on elements, and remember what it asks of one, so that an example can hold just that."""
        # Conditions nest; what an inner one asks must not be remembered for the outer list.
        outer, self._asked = self._asked, {}
        self._truth(condition, element)
        if isinstance(found, Field) and isinstance(element, Field) and not found.virtual:
            at = len(element.path)
            asked = {path[at:]: value for path, value in self._asked.items() if path[:at] == element.path}
            self.space.filtered.setdefault(found.slot)
            self.space.sought.setdefault(found.slot, []).append(asked)
        self._asked = outer

    def seen(self, place: Field) -> None:
        """Make sure that a plain member of an answer is there."""
        if not place.virtual and place.shape is not None and not isinstance(place.shape, StructureShape | ListShape):
            self.space.usual(place)

    def _element(self, found: Found) -> Found:
        if isinstance(found, Field):
            return (
                found.element if found.virtual or isinstance(found.shape, ListShape) or found.shape is None else found
            )
        return None

    def _flatten(self, node: Node, at: Found) -> Found:
        found = self._walk(node["children"][0], at)
        # Lists in lists become one list: what the language put around the inner list goes.
        if isinstance(found, Field) and found.virtual and isinstance(found.shape, ListShape):
            return Field(source=found.source, path=found.path, shape=found.shape)
        return found

    def _comparator(self, node: Node, at: Found) -> Found:
        left, right = (self._walk(child, at) for child in node["children"])
        if isinstance(left, Fixed):
            left, right = right, left
        if isinstance(right, Fixed):
            self._against(left, right.value)
            if isinstance(left, Field) and node["value"] == "eq" and right.value is not None:
                self._asked[left.path] = right.value
        elif isinstance(left, Field) and isinstance(right, Field):
            self._related(left, right)
        return None

    def _against(self, left: Found, value: Any) -> None:
        if isinstance(left, Field) and not left.virtual:
            candidates.against(self.space, left, value)
        elif isinstance(left, Field):
            candidates.as_truth(self.space, left)
        elif isinstance(left, Derived):
            self._derived(left, value)

    def _derived(self, left: Derived, value: Any) -> None:
        if left.how in ("age", "until") and isinstance(value, int | float):
            days = value if left.how == "age" else -value
            if left.joined is not None:
                self._dates_in_parts(left.place, left.joined, days)
            elif left.pattern:
                candidates.dates_in_text(self.space, left.place, left.pattern, left.group, days)
            else:
                candidates.times(self.space, left.place, days)
        elif left.how == "length":
            candidates.counts(self.space, left.place, value)
        elif left.how == "number":
            candidates.numbers_in_text(self.space, left.place, value)
        elif left.how == "capture" and isinstance(value, str):
            found = [
                t
                for inside in (value, f"{value}x", "other")
                for t in regex_samples.examples(left.pattern, left.group, inside)
            ]
            self.space.add(left.place.slot, [*found, ABSENT])
        elif left.how == "split" and isinstance(value, str):
            glue = left.pattern
            self.space.add(left.place.slot, [f"a{glue}{value}", f"{value}{glue}a", value, f"a{glue}b", ABSENT])

    def _dates_in_parts(self, place: Field, joined: Parts, days: float) -> None:
        parts = [part.value if isinstance(part, Fixed) else None for part in joined.found]
        patterns = [(part.pattern, part.group) for part in joined.found if isinstance(part, Derived)]
        candidates.dates_in_parts(self.space, place, parts, str(joined.glue), patterns, days)

    def _related(self, left: Field, right: Field) -> None:
        if left.virtual or right.virtual:
            return
        usual = self.space.usual(left)
        other = self.space.usual(right)
        self.space.add(right.slot, [usual])
        self.space.add(left.slot, [other])

    def _literal(self, node: Node, at: Found) -> Found:
        return Fixed(value=node["value"])

    def _current(self, node: Node, at: Found) -> Found:
        return at

    _identity = _slice = _current

    def _multi_select_dict(self, node: Node, at: Found) -> Found:
        return Names(known={pair["value"]: self._walk(pair["children"][0], at) for pair in node["children"]})

    def _function_expression(self, node: Node, at: Found) -> Found:
        name = node["value"]
        if name in ("map", "sort_by", "max_by", "min_by"):
            return self._over(node, at)
        found = [self._walk(child, at) for child in node["children"]]
        handler = _SAMPLES.get(FUNCTIONS[name].samples)
        if handler is not None:
            return handler(self, found)
        places = [f for f in found if isinstance(f, Field)]
        for place in places:
            self.seen(place)
        return places[0] if places else None

    def _multi_select_list(self, node: Node, at: Found) -> Found:
        found = [self._walk(child, at) for child in node["children"]]
        for place in found:
            if isinstance(place, Field) and place.shape is not None:
                self.seen(place)
        constants = [each.value for each in found if isinstance(each, Fixed)]
        return Fixed(value=constants) if len(constants) == len(found) else Parts(found=tuple(found))

    def _over(self, node: Node, at: Found) -> Found:
        listed, each = sorted(node["children"], key=lambda child: child["type"] == "expref")
        found = self._walk(listed, at)
        inner = self._walk(each["children"][0], self._element(found))
        if node["value"] == "map" and isinstance(inner, Field):
            return _listed(inner)
        return self._element(found) if node["value"] in ("max_by", "min_by") else found


def _is_root(at: Field) -> bool:
    return not at.virtual and at.path == at.source.at


def _is_tag(node: Node) -> bool:
    return node["type"] == "function_expression" and node["value"] in (
        "tag",
        "not_null",
        "parse_json",
        "as_list",
        "max",
        "min",
    )


def _listed(place: Field) -> Field:
    return Field(source=place.source, path=place.path, shape=place.shape, virtual=place.virtual + 1)


def _two(use: Callable[[Space, Field, Any], None]) -> Callable[[Walker, Sequence[Found]], Found]:
    """A function of a place and a constant."""

    def handle(walker: Walker, found: Sequence[Found]) -> Found:
        if len(found) > 1 and isinstance(found[0], Field) and isinstance(found[1], Fixed):
            use(walker.space, found[0], found[1].value)
        elif len(found) > 1 and isinstance(found[0], Fixed) and isinstance(found[1], Field):
            candidates.one_of(walker.space, found[1], found[0].value)
        elif len(found) > 1 and isinstance(found[0], Field) and isinstance(found[1], Field):
            _among(walker, found[0], found[1])
        return None

    return handle


def _among(walker: Walker, one: Field, other: Field) -> None:
    """A value that is looked for in a list, either way round."""
    values = [p for p in (one, other) if not p.virtual and not isinstance(p.shape, ListShape)]
    lists = [p for p in (one, other) if p.virtual or isinstance(p.shape, ListShape)]
    if len(lists) == 1 and values:
        usual = walker.space.usual(values[0])
        element = lists[0].element
        walker.space.add(element.slot, [usual, candidates.default(element)])
    elif len(lists) == 2:
        usual = walker.space.usual(one.element)
        walker.space.add(other.element.slot, [candidates.default(other.element), usual])


def _derive(how: str) -> Callable[[Walker, Sequence[Found]], Found]:
    def handle(walker: Walker, found: Sequence[Found]) -> Found:
        first = found[0] if found else None
        if isinstance(first, Derived) and first.how == "capture":
            return Derived(how=how, place=first.place, pattern=first.pattern, group=first.group)
        if isinstance(first, Parts) and first.glue is not None:
            return _of_parts(how, first)
        if isinstance(first, Field):
            walker.seen(first)
            return Derived(how=how, place=first)
        return None

    return handle


def _of_parts(how: str, joined: Parts) -> Derived | None:
    """Return what is derived of a text joined of captures of one place, None where it is joined of something else."""
    captures = [part for part in joined.found if isinstance(part, Derived) and part.how == "capture"]
    places = {part.place for part in captures}
    if len(places) != 1 or len(captures) + sum(isinstance(part, Fixed) for part in joined.found) < len(joined.found):
        return None
    return Derived(how=how, place=places.pop(), joined=joined)


def _join(walker: Walker, found: Sequence[Found]) -> Found:
    glue, parts = found
    for part in parts.found if isinstance(parts, Parts) else found:
        if isinstance(part, Field):
            walker.seen(part)
    if isinstance(parts, Parts) and isinstance(glue, Fixed):
        return Parts(found=parts.found, glue=str(glue.value))
    return parts if isinstance(parts, Field) else None


def _tag(walker: Walker, found: Sequence[Found]) -> Found:
    holder, key = found
    if not isinstance(holder, Field) or not isinstance(key, Fixed):
        return None
    place = holder.within(f"{TAG}{key.value}")
    walker.space.add(place.slot, [ABSENT, f"some-{key.value}".lower(), ""])
    return place


def _capture(walker: Walker, found: Sequence[Found]) -> Found:
    if len(found) < 2 or not isinstance(found[0], Field) or not isinstance(found[1], Fixed):
        return None
    group = found[2].value if len(found) > 2 and isinstance(found[2], Fixed) else 1
    pattern = str(found[1].value)
    candidates.matching(walker.space, found[0], pattern)
    return Derived(how="capture", place=found[0], pattern=pattern, group=int(group))


def _split(walker: Walker, found: Sequence[Found]) -> Found:
    if len(found) == 2 and isinstance(found[0], Field) and isinstance(found[1], Fixed):
        walker.seen(found[0])
        return Derived(how="split", place=found[0], pattern=str(found[1].value))
    return None


def _inside(marker: str) -> Callable[[Walker, Sequence[Found]], Found]:
    def handle(walker: Walker, found: Sequence[Found]) -> Found:
        return found[0].within(marker) if found and isinstance(found[0], Field) else None

    return handle


def _first(walker: Walker, found: Sequence[Found]) -> Found:
    for one in found:
        if isinstance(one, Field):
            walker.space.add(one.slot, [candidates.default(one), ABSENT])
    return next((f for f in found if isinstance(f, Field | Derived)), None)


def _same(walker: Walker, found: Sequence[Found]) -> Found:
    return found[0] if found else None


def _member(walker: Walker, found: Sequence[Found]) -> Found:
    return found[0].element if found and isinstance(found[0], Field) else None


def _port(space: Space, place: Field, port: Any) -> None:
    if place.virtual:
        _port_of_one(space, place.element, port)
        return
    rules: list[Any] = []
    for cidr in ("0.0.0.0/0", "10.0.0.0/8"):
        for first, last in ((port, port), (port + 1, port + 10), (0, 65535)):
            rules.append([{"IpProtocol": "tcp", "FromPort": first, "ToPort": last, "IpRanges": [{"CidrIp": cidr}]}])
    anything = [{"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}]
    sixth = [{"IpProtocol": "tcp", "FromPort": port, "ToPort": port, "Ipv6Ranges": [{"CidrIpv6": "::/0"}]}]
    space.add(place.slot, [*rules, anything, sixth, ABSENT])


def _port_of_one(space: Space, rule: Field, port: int) -> None:
    """Add members of single rules, where a filter has looked at members of them already."""
    space.add(rule.child("FromPort").slot, [port, port + 1, 0, ABSENT])
    space.add(rule.child("ToPort").slot, [port, port + 10, 65535, ABSENT])
    for ranges, member, networks in (
        ("IpRanges", "CidrIp", ["0.0.0.0/0", "10.0.0.0/8", ABSENT]),
        ("Ipv6Ranges", "CidrIpv6", [ABSENT, "::/0"]),
    ):
        space.add(rule.child(ranges).element.child(member).slot, networks)


def _cidr(space: Space, place: Field, network: Any) -> None:
    if isinstance(network, str):
        space.add(place.slot, [network, "192.0.2.7/32", ABSENT])


def _principals(walker: Walker, found: Sequence[Found]) -> Found:
    if found and isinstance(found[0], Field):
        place = found[0]
        where = place.within(JSON) if place.path[-1:] != (JSON,) else place
        statement = {"Effect": "Allow", "Action": "*", "Resource": "*"}
        policies = [
            {"Statement": [{**statement, "Principal": principal}]}
            for principal in ("*", {"AWS": "arn:aws:iam::210987654321:root"}, {"AWS": "arn:aws:iam::123456789012:root"})
        ]
        walker.space.add(where.slot, [*policies, ABSENT])
    return None


def _off_now(walker: Walker, found: Sequence[Found]) -> Found:
    if found and isinstance(found[0], Field):
        regex_samples = ["on", "off", "off=(M-F,20)", "off=(M-F,19)", "off=(S-U,20)", "gibberish", "", ABSENT]
        walker.space.add(found[0].slot, regex_samples)
    return None


_SAMPLES: Mapping[Samples, Callable[[Walker, Sequence[Found]], Found]] = {
    "age": _derive("age"),
    "among": _two(candidates.one_of),
    "capture": _capture,
    "contained": _two(candidates.holding),
    "count": _derive("length"),
    "csv": _inside(CSV),
    "element": _member,
    "first": _first,
    "glob": _two(candidates.globbed),
    "joined": _join,
    "json": _inside(JSON),
    "network": _two(_cidr),
    "number": _derive("number"),
    "off_hours": _off_now,
    "pattern": _two(candidates.matching),
    "port": _two(_port),
    "prefix": _two(lambda space, place, value: candidates.prefixed(space, place, value, at_end=False)),
    "principals": _principals,
    "same": _same,
    "split": _split,
    "suffix": _two(lambda space, place, value: candidates.prefixed(space, place, value, at_end=True)),
    "tag": _tag,
    "until": _derive("until"),
}
