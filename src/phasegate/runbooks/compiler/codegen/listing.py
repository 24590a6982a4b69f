"""Functions that list: one for each step of a chain."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise

from phasegate.core.errors import InvalidInput
from phasegate.runbooks.compiler.codegen.module_source import NAME, ModuleSource, plural, prose, snake
from phasegate.runbooks.compiler.codegen.translate import Translator, constant_name
from phasegate.runbooks.language import aws
from phasegate.runbooks.language.expressions import parse, walk
from phasegate.runbooks.language.model import Step

_VAGUE = {"items", "values", "results", "resources", "result", "item", "data", "entries"}


@dataclass(frozen=True, kw_only=True)
class Lister:
    """Writes the functions that list the rows of a chain."""

    draft: ModuleSource
    bound: Mapping[str, str] = field(default_factory=dict)
    """Names that stand for arguments of the listing function: `_ids`."""

    def chain(self, steps: tuple[Step, ...]) -> str:
        """Add the functions of a chain, and return the name of the one that lists its last step's rows."""
        lister = self._first(steps[0])
        for parent, step in pairwise(steps):
            lister = self._batched(lister, parent, step) if step.batch else self._child(lister, parent, step)
        return lister

    def _first(self, step: Step) -> str:
        arguments = "".join(f", {name}: Sequence[Any]" for name in self.bound.values())
        code = Translator(draft=self.draft, subject="{}", bound=self.bound)
        return self.draft.function(
            f"list_{plural(noun(step))}",
            f'def {NAME}(scan: Scan{arguments}) -> Iterator[Row]:\n    """{_told(step)}"""\n'
            f"    return {call(self.draft, step)}{code.params_of(step.params)})\n",
        )

    def _child(self, lister: str, parent: Step, step: Step) -> str:
        above = self.draft.local(noun(parent))
        below = self.draft.local(noun(step))
        below = below if below != above else f"{below}_row"
        code = Translator(draft=self.draft, subject=above)
        rows = f"{call(self.draft, step)}{code.params_of(step.params)})"
        body = f"    return {rows}\n"
        if step.keep:
            body = f"    for {below} in {rows}:\n        yield {below} | {_kept(step, code)}\n"
        children = self.draft.function(
            f"{plural(noun(step))}_of",
            f"def {NAME}(scan: Scan, {above}: Row) -> Iterator[Row]:\n"
            f'    """{_told(step)} Those of one {_words(noun(parent))}."""\n{body}',
        )
        return self.draft.function(
            f"list_{plural(noun(step))}",
            f"def {NAME}(scan: Scan) -> Iterator[Row]:\n"
            f'    """{_told(step)} Those of every {_words(noun(parent))}."""\n'
            f"    return scan.fan_out({lister}(scan), {children})\n",
        )

    def _batched(self, lister: str, parent: Step, step: Step) -> str:
        above, below = self.draft.local(noun(parent)), self.draft.local(noun(step))
        code = Translator(draft=self.draft, subject=above)
        shared = _shared(step, code, above)
        both = step.params and step.keep
        more = (", **shared['params']" if both else ", **shared") if step.params else ""
        rows = f"{call(self.draft, step)}, {step.param}=ids{more})"
        each = f"yield from {rows}"
        if step.keep:
            kept = "shared['kept']" if both else "shared"
            each = f"for {below} in {rows}:\n            yield {below} | {kept}"
        return self.draft.function(
            f"list_{plural(noun(step))}",
            f'def {NAME}(scan: Scan) -> Iterator[Row]:\n    """{_told(step)} {step.batch} ids a call."""\n'
            f"    for ids, {'shared' if shared else '_'} in batches({lister}(scan), {step.batch}, "
            f"lambda {above}: {ids_of(step.ids or '@', code)}{shared}):\n"
            f"        {each}\n",
        )


def call(draft: ModuleSource, step: Step) -> str:
    """The call that reads a step's rows, up to its parameters."""
    operation = aws.operation(step.op)
    gone = f", {tuple(step.on_error)!r}" if step.on_error else ""
    return f"scan.rows({operation.service!r}, {operation.method!r}, {where_rows_are(draft, step.op, step.items)}{gone}"


def where_rows_are(draft: ModuleSource, op: str, items: str | None) -> str:
    """The key of the rows, or a constant for the expression that finds them.

    Raises:
        InvalidInput: the answer has several lists, so that only `items` can say which is meant.
    """
    found = items or _rows_key(op)
    if found is None:
        return "None"
    node = parse(found)
    if node["type"] == "field":
        return repr(node["value"])
    named = snake(_last_key(found)).upper() if _last_key(found) else constant_name(node)
    return draft.constant(f"{named}_IN_ANSWER", f"expression({found!r})")


def _rows_key(op: str) -> str | None:
    operation = aws.operation(op)
    if operation.rows_key is not None:
        return operation.rows_key
    members = getattr(operation.output, "members", {})
    lists = sorted(name for name, shape in members.items() if shape.type_name == "list")
    if lists:
        raise InvalidInput(f"{op} answers with several lists", fix=f"say which by `items`: {', '.join(lists)}")
    return None


def ids_of(text: str, code: Translator) -> str:
    """Return the code of a parent row's id, which is the row itself for `@`."""
    return code.value("_" if text.strip() == "@" else text)


def noun(step: Step) -> str:
    """Return the snake-case noun of a step's row: `volume`."""
    key = _last_key(step.items) if step.items else (aws.operation(step.op).rows_key or "").rsplit(".", 1)[-1]
    word = aws.singular(snake(key)) if key else ""
    # `items` or `results` names nothing, so the operation's own noun is taken.
    if not word or plural(word) in _VAGUE or word in _VAGUE:
        verb, _, rest = snake(step.op.split(".", 1)[1]).partition("_")
        word = aws.singular(rest or verb)
    return word if word.isidentifier() else "item"


def _last_key(text: str) -> str:
    """Return the last key on the way to the rows, or nothing behind filters and calls."""
    node, last = parse(text), ""
    for part in walk(node):
        if part["type"] == "field":
            last = str(part["value"])
        if part["type"] in ("filter_projection", "function_expression"):
            return ""
    return last


def _told(step: Step) -> str:
    return prose(f"{_words(plural(noun(step))).capitalize()} of {step.op.replace('.', ':', 1)}, page by page.")


def _words(name: str) -> str:
    return name.replace("_", " ")


def _kept(step: Step, code: Translator) -> str:
    return "{" + ", ".join(f"{name!r}: {code.value(text)}" for name, text in step.keep.items()) + "}"


def _shared(step: Step, code: Translator, above: str) -> str:
    if not step.params and not step.keep:
        return ""
    params, kept = code.literal(step.params), _kept(step, code)
    both = f"{{'params': {params}, 'kept': {kept}}}"
    return f", lambda {above}: {both if step.params and step.keep else params if step.params else kept}"
