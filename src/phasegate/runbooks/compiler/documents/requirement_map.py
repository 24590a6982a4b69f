"""Map of requirements to the functions and runtime modules that keep them."""

import re
from collections.abc import Callable
from dataclasses import dataclass

from phasegate.runbooks.compiler.codegen.module import compile_module
from phasegate.runbooks.compiler.documents.context import Context
from phasegate.runbooks.compiler.documents.text import code
from phasegate.runbooks.language.model import Runbook

_DEFINED = re.compile(r'^def (\w+)\(.*?"""(.*?)"""', re.MULTILINE | re.DOTALL)


@dataclass(frozen=True, kw_only=True)
class _Place:
    words: str
    """Pattern of the requirements that are kept there."""
    names: tuple[str, ...]
    """Functions of the module."""
    runtime: tuple[str, ...] = ()
    """Modules of `_runtime`."""
    there: Callable[[Runbook], bool] = lambda runbook: True


# By words, since nothing links a requirement to code; a place too many costs a reader less than one that is missing.
_PLACES = (
    _Place(
        words=r"snapshot|backup|copied|copy",
        names=("remediate",),
        runtime=("changes",),
        there=lambda runbook: any(action.snapshot for action in runbook.action),
    ),
    _Place(
        words=r"undo|restore|way back|bring back|again, of the same|started? again",
        names=("remediate",),
        runtime=("log",),
        there=lambda runbook: any(action.undo for action in runbook.action),
    ),
    _Place(
        words=r"make sure|verif|afterwards|is gone|read again",
        names=("has_worked",),
        there=lambda runbook: any(action.verify for action in runbook.action),
    ),
    _Place(
        words=r"must not (delete|stop|terminate|touch|release|remove)|at most|in one go|younger|window|protect",
        names=("RUNBOOK.guard",),
        runtime=("remediation",),
        there=lambda runbook: bool(runbook.action),
    ),
    _Place(words=r"approv|agreed|dry.run|change anything|second apply", names=(), runtime=("approvals", "remediation")),
    _Place(words=r"\bcosts?\b|price|saving|saves?\b", names=("cost",), there=lambda runbook: bool(runbook.cost)),
    _Place(words=r"region|account", names=("RUNBOOK.regions",), runtime=("places", "engine")),
    _Place(
        words=r"open to change|parameter|configur|overrid|threshold|set otherwise",
        names=("RUNBOOK.params",),
        there=lambda runbook: bool(runbook.scope.params),
    ),
    _Place(
        words=r"\bshow|evidence|\bsays?\b|report",
        names=("evidence",),
        there=lambda runbook: bool(runbook.evidence),
    ),
    _Place(words=r"unknown|no data|without a datapoint|cannot be read|error", names=(), runtime=("scan", "errors")),
    _Place(words=r"\bfinds?\b|\bfound\b|detect|leaves? out|exclud", names=("is_match",)),
)


def functions(context: Context) -> tuple[tuple[str, str], ...]:
    """The functions of the module that will be compiled, in order: the name, and what it says of itself."""
    source = compile_module(context.runbook, name=context.name, criteria=context.spec.criteria)
    return tuple((name, " ".join(said.split())) for name, said in _DEFINED.findall(source))


def kept_in(context: Context, requirement: str) -> str:
    """The places that keep a requirement, as Markdown: `is_match`, `_runtime/approvals.py`."""
    return ", ".join(code(place) for place in _places(context, requirement) or ["is_match"])


def kept_with(context: Context, text: str, *names: str) -> list[str]:
    """Return the ids of the requirements kept in the same places as `text`, or in the functions named.

    With none, the first of the spec: all work is for something that it asks.
    """
    wanted = {*_places(context, text), *names}
    ids = [each.id for each in context.spec.requirements if wanted & set(_places(context, each.text))]
    # A task without a requirement would be a finding of the trace.
    return ids or [each.id for each in context.spec.requirements[:1]]


def _places(context: Context, text: str) -> tuple[str, ...]:
    lower = text.lower()
    found = [place for place in _PLACES if place.there(context.runbook) and re.search(place.words, lower)]
    names = dict.fromkeys(name for place in found for name in place.names)
    if "is_match" in names and context.runbook.where:
        names |= {"is_candidate": None}
    return (*names, *dict.fromkeys(f"_runtime/{name}.py" for place in found for name in place.runtime))


def criteria_of(context: Context, requirement: str) -> list[str]:
    """Return the ids of the acceptance criteria that say they cover a requirement."""
    return [each.criterion.id for each in context.spec.scenarios if each.criterion and requirement in each.covers]
