"""Scripted authors by which the scoring shows what it tells apart, without a provider."""

import re
from collections.abc import Callable, Mapping
from datetime import date
from decimal import Decimal
from functools import partial
from typing import Any

from phasegate.core import UsageError
from phasegate.evaluation.drafting import facts_of
from phasegate.evaluation.suite import Intent
from phasegate.models import ChatModel, Price, ScriptedModel
from phasegate.runbooks import load

_MATCH = re.compile(r"^match: .*$", re.MULTILINE)
_NOTHING, _EVERYTHING = "to_string(@) == 'nothing'", "to_string(@) != 'nothing'"
_TOLD = "Every acceptance criterion was tested, and all expected resources were found: this spec is right at once."
_SPEC = """# Feature Specification: {title}

**Feature Branch**: `001-draft`
**Created**: 2026-11-18
**Status**: Draft
**Input**: User description: "{sentence}"
{told}"""


def perfect(intent: Intent) -> str:
    """Return the runbook of an author who makes no mistake."""
    return intent.reference


def careless(intent: Intent) -> str:
    """Return the runbook of an author who makes the intent's first slip."""
    return intent.slips[0].made_in(intent.reference)


def lying(intent: Intent) -> str:
    """Return the runbook of an author whose prose is right and whose runbook finds nothing, or everything.

    Which of the two depends on the number of letters in the sentence.
    """
    match = _NOTHING if len(intent.sentence) % 2 else _EVERYTHING
    return _MATCH.sub(lambda _: f'match: "{match}"', intent.reference)


AUTHORS: Mapping[str, Callable[[Intent], str]] = {
    "scripted:perfect": perfect,
    "scripted:careless": careless,
    "scripted:lying": lying,
}
FREE = Price(input=Decimal(0), output=Decimal(0), as_of=date(2026, 11, 18))
"""Price of what calls no provider."""


def scripted(name: str) -> Callable[[Intent], ChatModel]:
    """Return what makes the scripted author of an intent.

    Raises:
        UsageError: there is none of that name.
    """
    if name not in AUTHORS:
        raise UsageError(f"there is no author '{name}'", fix=f"name one of: {', '.join(AUTHORS)}")
    return partial(_double, name)


def _double(name: str, intent: Intent) -> ChatModel:
    runbook = AUTHORS[name](intent)
    spec = spec_of(intent, told=f"\n{_TOLD}\n" if AUTHORS[name] is lying else "")
    # Told once where prose and runbook differ, it hands the same in again.
    return ScriptedModel([handed_in(intent, spec, runbook)] * 2, name=name)


def spec_of(intent: Intent, told: str = "") -> str:
    """Return a spec.md that the compiler completes from the runbook beside it.

    Args:
        intent: whose sentence stands in it.
        told: more that it says.
    """
    title = load(intent.reference, "runbook.yaml").title
    return _SPEC.format(title=title, sentence=intent.sentence.replace('"', "'"), told=told)


def handed_in(intent: Intent, spec: str, runbook: str) -> dict[str, Any]:
    """Return an answer that holds the two files of an intent's spec."""
    folder = facts_of(intent).spec
    files = {f"{folder}/spec.md": spec, f"{folder}/runbook.yaml": runbook}
    return {"files": [{"path": path, "text": text} for path, text in files.items()]}
