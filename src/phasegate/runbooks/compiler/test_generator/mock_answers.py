"""The answers of several examples, brought together as one account's tables."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from phasegate.runbooks.compiler.test_generator import oracle
from phasegate.runbooks.compiler.test_generator.answer_fields import ELEMENT, Source
from phasegate.runbooks.compiler.test_generator.build import Answer, World, build
from phasegate.runbooks.compiler.test_generator.choose import Example
from phasegate.runbooks.compiler.test_generator.item_model import Anatomy, names
from phasegate.runbooks.compiler.test_generator.oracle import Item
from phasegate.runbooks.compiler.test_generator.values import plain
from phasegate.runbooks.language.model import Get, Join, Measure


@dataclass(kw_only=True)
class Table:
    """Answers to one call with its parameters."""

    kind: str
    """`rows`, `gives`, `fails`, `batch` or `metric`."""
    call: str
    params: Any
    key: str = ""
    """The list of the answer that holds the rows; a batch's parameter of ids is in `ids`."""
    ids: str = ""
    region: str = ""
    """The region that is asked, where it is not the scan's."""
    content: list[tuple[str, Any]] = field(default_factory=list)
    """Words of the example it came from, and the row, answer, error code or values."""

    def add(self, words: str, value: Any) -> None:
        """Add a row once."""
        if all(repr(value) != repr(known) for _, known in self.content):
            self.content.append((words, value))


@dataclass(frozen=True, kw_only=True)
class Case:
    """An example as it stands in an account."""

    example: Example
    number: int
    world: World
    item: Item
    id: str


Account = Sequence[Case]
"""Cases that can stand in one account without disturbing each other."""


def accounts(anatomy: Anatomy, examples: Sequence[Example]) -> Sequence[Account]:
    """Return as few accounts as hold all examples, each with the verdict that it has alone."""
    groups: list[list[Case]] = []
    for number, example in enumerate(examples, 1):
        case = _case(anatomy, example, number)
        if case is None:
            continue
        # Few accounts make few scans, which is most of what a generated test costs.
        home = next((group for group in groups if _agree(anatomy, [*group, case])), None)
        if home is None:
            groups.append([case])
        else:
            home.append(case)
    return groups


def copies(anatomy: Anatomy, example: Example, count: int) -> Account:
    """The same example several times, under names of its own each time."""
    cases = [_case(anatomy, example, number) for number in range(1, count + 1)]
    return [case for case in cases if case is not None]


def tables(anatomy: Anatomy, account: Account) -> list[Table]:
    """Every call that a scan of the account makes, with its answer."""
    found: dict[str, Table] = {}
    for case in account:
        for name, answer in case.world.items():
            source = anatomy.source(name)
            # Details are asked for only about items that pass `where`.
            if source.is_listing or not source.is_single or _passes(anatomy, case):
                _enter(found, anatomy, account, case, answer)
    return list(found.values())


def evaluated(value: Any, row: Mapping[str, Any]) -> Any:
    """Evaluate the expressions in parameters over a row, and drop what is missing."""
    if isinstance(value, str) and value.startswith("="):
        return oracle.ask(value[1:], row)
    if isinstance(value, Mapping):
        return {k: e for k, v in value.items() if (e := evaluated(v, row)) is not None}
    if isinstance(value, list | tuple):
        return [e for v in value if (e := evaluated(v, row)) is not None]
    return value


def _case(anatomy: Anatomy, example: Example, number: int) -> Case | None:
    world = build(anatomy, example.choice, number)
    item = oracle.item(anatomy, world)
    if item is None:
        return None
    return Case(
        example=example, number=number, world=world, item=item, id=str(oracle.ask(anatomy.runbook.id, item.row))
    )


def _agree(anatomy: Anatomy, cases: Sequence[Case]) -> bool:
    """Return whether no verdict changes when all answers are there, and no call has two answers."""
    # Two cases of one id could not be told apart in a report.
    if len({case.id for case in cases}) < len(cases):
        return False
    shared = _shared(anatomy, cases)
    for case in cases:
        item = oracle.item(anatomy, {**case.world, **shared})
        if oracle.verdict(anatomy.runbook, item) != case.example.verdict:
            return False
    return all(len(table.content) == 1 for table in tables(anatomy, cases) if table.kind not in ("rows", "batch"))


def _shared(anatomy: Anatomy, cases: Sequence[Case]) -> dict[str, Answer]:
    """Return the listings other than the items' own, with everybody's rows."""
    joined: dict[str, Answer] = {}
    for source in anatomy.sources:
        if not (source.is_single or source.is_listing):
            trees = [tree for case in cases for tree in case.world[source.name].trees]
            joined[source.name] = Answer(source=source, trees=trees)
    return joined


def _passes(anatomy: Anatomy, case: Case) -> bool:
    where = anatomy.runbook.where
    return where is None or bool(oracle.ask(where, case.item.row))


def _enter(found: dict[str, Table], anatomy: Anatomy, account: Account, case: Case, answer: Answer) -> None:
    source = answer.source
    words = case.example.words
    row = _above(anatomy, account, case, source)
    params = evaluated(source.params, row)
    region = oracle.region_of(source, row) if source.region else ""
    if region is None:
        return
    if isinstance(source.part, Measure):
        # Without one of its dimensions a metric is not asked for.
        if len(params) == len(source.part.dims):
            asked = source.part.model_dump(exclude={"dims", "default", "region"}, exclude_none=True) | {"dims": params}
            table = _table(found, "metric", "cloudwatch.GetMetricStatistics", asked, region)
            table.add(words, [plain(value) for value in answer.trees])
        return
    call = str(source.op)
    if answer.error:
        _table(found, "fails", call, params, region).add(words, answer.error)
    elif isinstance(source.part, Get):
        _table(found, "gives", call, params, region).add(words, answer.trees[0])
    else:
        _rows(found, source, answer, params, words)


def _rows(found: dict[str, Table], source: Source, answer: Answer, params: Any, words: str) -> None:
    key = source.at[0] if len(source.at) > 1 and source.at[1] == ELEMENT else ""
    kind = "batch" if source.ids_param else "rows" if key else "gives"
    table = _table(found, kind, str(source.op), params)
    table.key, table.ids = key, source.ids_param
    for tree in answer.trees:
        for value in tree.get(key) or [] if key else [tree]:
            table.add(words, value)


def _table(found: dict[str, Table], kind: str, call: str, params: Any, region: str = "") -> Table:
    label = json.dumps([kind == "batch", call, params, region], sort_keys=True, default=str)
    return found.setdefault(label, Table(kind=kind, call=call, params=params, region=region))


def _above(anatomy: Anatomy, account: Account, case: Case, source: Source) -> Mapping[str, Any]:
    """The row that a source's parameters are worked out over."""
    own = names(anatomy.runbook)
    if source.parent in ("", "item"):
        ids = _ids(anatomy, account, source)
        return {**case.item.row, "_ids": ids} if source.parent else {**own, "_ids": ids}
    chain = [n for n in case.world if n.split("/")[0] == source.name.split("/")[0]]
    row: dict[str, Any] = {}
    for name in chain[: chain.index(source.parent) + 1]:
        above = oracle.listed(case.world[name])
        first = plain(above[0]) if above else {}
        carried = oracle.kept(anatomy.source(name), {**row, **own})
        row = {**(first if isinstance(first, dict) else {"_": first}), **carried, **own}
    return row


def _ids(anatomy: Anatomy, account: Account, source: Source) -> list[Any]:
    """Return the sorted left values of a joined listing, of all items that it is asked for."""
    joins = [entry for entry in anatomy.runbook.with_ if isinstance(entry, Join)]
    entry = next((entry for entry in joins if entry.as_ == source.name.split("/")[0]), None)
    if entry is None:
        return []
    found: set[Any] = set()
    for case in account:
        if _passes(anatomy, case):
            value = oracle.ask(entry.by[0], case.item.row)
            found |= set(value if isinstance(value, list) else [value])
    return sorted(found - {None})
