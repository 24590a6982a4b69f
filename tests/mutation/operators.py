"""Mutation operators: the edits of a syntax tree that take a rule out of a module."""

import ast
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_BOUNDARIES: Mapping[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt,
}  # fmt: skip
_PASS_THROUGH = frozenset({"where", "replace", "strip", "lower", "casefold"})
"""Methods whose call can be left out: the object itself has the same type."""
_VARIADIC = frozenset({"where", "and_", "or_"})
THOROUGH = frozenset({"constant", "drop-item", "drop-keyword"})
"""Operators for functions each of whose words is a promise, such as those that say what is signed."""
_NOT_A_RULE = frozenset({"_log", "logger", "warnings"})


@dataclass(frozen=True, kw_only=True)
class Mutant:
    """One edit of a module's syntax tree."""

    function: str
    """Qualified name of the function; empty for an assignment of the module."""
    operator: str
    ordinal: int
    """Counts the mutants of this operator in this function, from 1."""
    statement: int
    """First line of the statement around the edit; tests that run this line can see the mutant."""
    name: str
    """Name that a statement of the module binds; empty in a function."""
    looped: bool
    """Whether the edit is part of a loop, so that the mutant may run for ever."""
    text: str
    """The expression as it was, for a person who reads of a survivor."""
    apply: Callable[[], None]

    @property
    def address(self) -> str:
        """Function, operator and ordinal, such as `_admit drop-operand 2`."""
        return f"{self.function or self.name} {self.operator} {self.ordinal}"


@dataclass(frozen=True, kw_only=True)
class _Edit:
    operator: str
    node: ast.AST
    apply: Callable[[], None]


@dataclass(frozen=True, kw_only=True)
class _Place:
    """Where an expression or statement is held, so that something else can be put there."""

    owner: ast.AST
    field: str
    index: int | None = None

    def put(self, node: ast.AST) -> Callable[[], None]:
        """Return an edit that replaces what is held here."""
        if self.index is None:
            return lambda: setattr(self.owner, self.field, node)
        return lambda: getattr(self.owner, self.field).__setitem__(self.index, node)

    def remove(self) -> Callable[[], None]:
        """Return an edit that removes one item of a list."""
        return lambda: getattr(self.owner, self.field).__delitem__(self.index)


def reasons(folder: Path) -> set[str]:
    """Return names of functions in a folder's modules that return a text, and say nothing by an empty one."""
    trees = [ast.parse(file.read_bytes()) for file in folder.glob("*.py")]
    functions = [node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    return {node.name for node in functions if _gives_a_reason(node)}


def _gives_a_reason(node: ast.FunctionDef) -> bool:
    if not (isinstance(node.returns, ast.Name) and node.returns.id == "str"):
        return False
    return any(isinstance(inner, ast.Constant) and inner.value == "" for inner in ast.walk(node))


def mutants(tree: ast.Module, says: Collection[str], thorough: Collection[str] = ()) -> Iterator[Mutant]:
    """Yield every mutant of a module, in the order of its source.

    Args:
        tree: the module; `Mutant.apply` changes it in place, for good.
        says: names of functions that return a text, which is empty where there is nothing to say.
        thorough: qualified names of functions that the operators in `THOROUGH` are for.
    """
    for function, statement in _statements(tree):
        counts: Counter[str] = Counter()
        for top, place, looped in _walk_statements(statement, _place_of(tree, statement)):
            for edit in _edits(top, place, says):
                if edit.operator in THOROUGH and function not in thorough:
                    continue
                counts[edit.operator] += 1
                yield Mutant(
                    function=function,
                    operator=edit.operator,
                    ordinal=counts[edit.operator],
                    statement=top.lineno,
                    name="" if function else _bound(statement),
                    looped=looped,
                    text=ast.unparse(edit.node),
                    apply=edit.apply,
                )


def _statements(tree: ast.Module) -> Iterator[tuple[str, ast.stmt]]:
    """Functions and methods by qualified name, and assignments of the module."""
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name, node
        elif isinstance(node, ast.ClassDef):
            yield from _methods(node, f"{node.name}.")
        elif isinstance(node, ast.Assign | ast.AnnAssign) and node.value:
            yield "", node


def _methods(outer: ast.ClassDef, prefix: str) -> Iterator[tuple[str, ast.stmt]]:
    for node in outer.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield f"{prefix}{node.name}", node
        elif isinstance(node, ast.ClassDef):
            yield from _methods(node, f"{prefix}{node.name}.")


def _bound(statement: ast.stmt) -> str:
    target = statement.targets[0] if isinstance(statement, ast.Assign) else getattr(statement, "target", None)
    return target.id if isinstance(target, ast.Name) else ""


def _place_of(tree: ast.Module, statement: ast.stmt) -> _Place:
    for owner in ast.walk(tree):
        if statement in getattr(owner, "body", ()):
            return _Place(owner=owner, field="body", index=owner.body.index(statement))  # type: ignore[attr-defined]
    raise LookupError(statement)


def _walk_statements(
    statement: ast.stmt, place: _Place, *, looped: bool = False
) -> Iterator[tuple[ast.stmt, _Place, bool]]:
    """A statement and those inside it, each with its place, and whether a loop is around it."""
    yield statement, place, looped or isinstance(statement, ast.While)
    looped = looped or isinstance(statement, ast.While | ast.For | ast.AsyncFor)
    for node in (statement, *_clauses(statement)):
        for field in ("body", "orelse", "finalbody"):
            held = getattr(node, field, ())
            for index, inner in enumerate(held):
                yield from _walk_statements(inner, _Place(owner=node, field=field, index=index), looped=looped)


def _clauses(statement: ast.stmt) -> list[ast.AST]:
    match statement:
        case ast.Try() | ast.TryStar():
            return list(statement.handlers)
        case ast.Match():
            return list(statement.cases)
        case _:
            return []


def _edits(statement: ast.stmt, place: _Place, says: Collection[str]) -> Iterator[_Edit]:
    yield from _of_statement(statement, place)
    if isinstance(statement, ast.Raise):
        return  # a message is no rule
    for node, held in _expressions(statement):
        yield from _of_expression(node, held)
        yield from _of_call(node, held, says)


def _of_statement(statement: ast.stmt, place: _Place) -> Iterator[_Edit]:
    gone = place.put(ast.copy_location(ast.Pass(), statement))
    match statement:
        case ast.Expr(value=ast.Call() | ast.Await()) | ast.AugAssign():
            if not _logs(statement):
                yield _Edit(operator="drop-statement", node=statement, apply=gone)
        case ast.Raise() if not isinstance(place.owner, ast.If):  # in an `if`, its condition is forced anyway
            yield _Edit(operator="drop-raise", node=statement, apply=gone)
        case _:
            pass


def _logs(statement: ast.stmt) -> bool:
    names = {node.id for node in ast.walk(statement) if isinstance(node, ast.Name)}
    return bool(names & _NOT_A_RULE)


def _expressions(statement: ast.stmt) -> Iterator[tuple[ast.expr, _Place]]:
    """Expressions of one statement, without those of statements inside it, annotations, defaults and decorators."""
    for field, value in ast.iter_fields(statement):
        if field in ("annotation", "decorator_list", "returns", "targets", "target", "args", "type_params"):
            continue
        yield from _below(statement, field, value)
    if isinstance(statement, ast.Match):
        for case in statement.cases:
            if case.guard:
                yield from _below(case, "guard", case.guard)


def _below(owner: ast.AST, field: str, value: Any) -> Iterator[tuple[ast.expr, _Place]]:
    held = enumerate(value) if isinstance(value, list) else [(None, value)]
    for index, node in held:
        if isinstance(node, ast.JoinedStr):
            parts = (part for part in node.values if isinstance(part, ast.FormattedValue))
            yield from (found for part in parts for found in _below(part, "value", part.value))
            continue
        if isinstance(node, ast.expr):
            yield node, _Place(owner=owner, field=field, index=index)
        if isinstance(node, ast.expr | ast.keyword | ast.comprehension | ast.withitem):
            for name, inner in ast.iter_fields(node):
                yield from _below(node, name, inner)


def _of_expression(node: ast.expr, place: _Place) -> Iterator[_Edit]:
    if _is_condition(node, place):
        yield from (
            _Edit(operator=f"force-{value}".lower(), node=node, apply=place.put(_constant(value, node)))
            for value in _forced(place)
        )
    match node:
        case ast.BoolOp(values=values):
            for dropped in values:
                rest = [other for other in values if other is not dropped]
                left = rest[0] if len(rest) == 1 else ast.copy_location(ast.BoolOp(node.op, rest), node)
                yield _Edit(operator="drop-operand", node=dropped, apply=place.put(left))
        case ast.Compare():
            yield from _of_compare(node, place)
        case ast.Dict(keys=keys):
            named = (key or value for key, value in zip(keys, node.values, strict=True))
            yield from (
                _Edit(operator="drop-item", node=each, apply=_without(node, index)) for index, each in enumerate(named)
            )
        case ast.BinOp(left=left_side, op=ast.FloorDiv() | ast.Mod() | ast.Add() | ast.BitOr()):
            yield _Edit(operator="left-side", node=node, apply=place.put(left_side))
        case ast.List() | ast.Set() | ast.Tuple():
            yield from _of_display(node, place)
        case ast.Constant(value=bool() | int()):
            yield from _of_constant(node, place)
        case _:
            pass


def _of_display(node: ast.List | ast.Set | ast.Tuple, place: _Place) -> Iterator[_Edit]:
    dropped = node.elts
    if isinstance(node, ast.Tuple) and not (isinstance(place.owner, ast.Compare) and not _is_pairwise(place.owner)):
        dropped = [element for element in node.elts if isinstance(element, ast.Starred)]  # others have their place
    if isinstance(node, ast.Set) or isinstance(node.ctx, ast.Load):
        yield from _drops("drop-element", node, "elts", node.elts, only=dropped)


def _of_constant(node: ast.Constant, place: _Place) -> Iterator[_Edit]:
    if isinstance(node.value, bool):
        yield _Edit(operator="constant", node=node, apply=place.put(_constant(not node.value, node)))
    elif isinstance(node.value, int) and not isinstance(place.owner, ast.Subscript | ast.Slice | ast.UnaryOp):
        yield _Edit(operator="constant", node=node, apply=place.put(_constant(node.value + 1, node)))


def _constant(value: bool | int | str, at: ast.AST) -> ast.expr:
    return ast.copy_location(ast.Constant(value), at)


def _forced(place: _Place) -> tuple[bool, ...]:
    """Values that a condition is forced to; where one would stop everything, which any test sees, only the other."""
    if place.field == "ifs":
        return (True,)
    owner = place.owner
    only_raises = isinstance(owner, ast.If) and not owner.orelse and isinstance(owner.body[-1], ast.Raise)
    return (False,) if only_raises else (True, False)


def _is_condition(node: ast.expr, place: _Place) -> bool:
    """Whether an expression is true or false and no part of a larger one that is."""
    if isinstance(node, ast.Constant):
        return False
    if place.field in ("test", "guard", "ifs"):
        return True
    if isinstance(place.owner, ast.BoolOp | ast.UnaryOp):
        return False
    return _is_boolean(node)


def _is_boolean(node: ast.expr) -> bool:
    match node:
        case ast.Compare() | ast.UnaryOp(op=ast.Not()):
            return True
        case ast.BoolOp(values=values):
            return any(_is_boolean(value) for value in values)
        case ast.Call(func=ast.Name(id="any" | "all" | "bool" | "isinstance")):
            return True
        case _:
            return False


def _of_compare(node: ast.Compare, place: _Place) -> Iterator[_Edit]:
    for index, op in enumerate(node.ops):
        if other := _BOUNDARIES.get(type(op)):
            held = _Place(owner=node, field="ops", index=index)
            yield _Edit(operator="move-boundary", node=node, apply=held.put(other()))
    if len(node.ops) == 2:
        first = ast.Compare(node.left, node.ops[:1], node.comparators[:1])
        second = ast.Compare(node.comparators[0], node.ops[1:], node.comparators[1:])
        for left in (second, first):
            yield _Edit(operator="drop-link", node=node, apply=place.put(ast.copy_location(left, node)))
    if _is_pairwise(node) and isinstance(node.left, ast.Tuple):
        for index, element in enumerate(node.left.elts):
            yield _Edit(operator="drop-pair", node=element, apply=_without_pair(node, index))


def _is_pairwise(node: ast.Compare) -> bool:
    """Whether two tuples of the same length are compared, item by item."""
    match node:
        case ast.Compare(left=ast.Tuple(elts=left), ops=[ast.Eq() | ast.NotEq()], comparators=[ast.Tuple(elts=right)]):
            return len(left) == len(right)
        case _:
            return False


def _without_pair(node: ast.Compare, index: int) -> Callable[[], None]:
    def edit() -> None:
        for side in (node.left, *node.comparators):
            if isinstance(side, ast.Tuple):
                del side.elts[index]

    return edit


def _without(node: ast.Dict, index: int) -> Callable[[], None]:
    def edit() -> None:
        del node.keys[index], node.values[index]

    return edit


def _drops(
    operator: str, node: ast.AST, field: str, elements: list[ast.expr], only: list[ast.expr] | None = None
) -> Iterator[_Edit]:
    for index, element in enumerate(elements):
        if only is None or element in only:
            place = _Place(owner=node, field=field, index=index)
            yield _Edit(operator=operator, node=element, apply=place.remove())


def _of_call(node: ast.expr, place: _Place, says: Collection[str]) -> Iterator[_Edit]:
    if not isinstance(node, ast.Call):
        return
    name = _called(node)
    if isinstance(node.func, ast.Attribute) and name in _PASS_THROUGH:
        yield _Edit(operator="drop-call", node=node, apply=place.put(node.func.value))
    if isinstance(node.func, ast.Name) and name in ("max", "min") and len(node.args) > 1:
        for argument in node.args:
            yield _Edit(operator="pick-argument", node=argument, apply=place.put(argument))
    if name in _VARIADIC and len(node.args) > 1:
        yield from _drops("drop-argument", node, "args", node.args)
    if name and not name.lstrip("_")[:1].isupper():
        for index, keyword in enumerate(node.keywords):
            if keyword.arg:
                held = _Place(owner=node, field="keywords", index=index)
                yield _Edit(operator="drop-keyword", node=keyword.value, apply=held.remove())
    if name in says and not isinstance(place.owner, ast.Expr):
        yield _Edit(operator="no-reason", node=node, apply=place.put(_constant("", node)))


def _called(node: ast.Call) -> str:
    match node.func:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case _:
            return ""
