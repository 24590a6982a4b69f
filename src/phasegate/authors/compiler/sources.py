"""What the compiler reads: the spec, and the runbook beside it."""

from collections.abc import Mapping
from dataclasses import dataclass

from phasegate.authors.author import Facts
from phasegate.core import InvalidInput
from phasegate.runbooks import Runbook, load
from phasegate.spec import Spec, read_spec


@dataclass(frozen=True, kw_only=True)
class Sources:
    """A spec with its runbook."""

    spec: Spec
    runbook: Runbook
    text: str
    """The text of runbook.yaml."""


def sources(files: Mapping[str, bytes], facts: Facts) -> Sources:
    """Reads both.

    Raises:
        InvalidInput: one of them is missing or does not hold.
    """
    path = runbook_path(facts.spec)
    if path not in files:
        raise InvalidInput(
            f"'{facts.spec}' has no runbook.yaml, and the compiler builds from nothing else",
            fix=f"add {path} (docs/runbook-language.md)",
        )
    text = files[path].decode()
    return Sources(spec=read_spec(files, facts.spec), runbook=load(text, path), text=text)


def runbook_path(spec: str) -> str:
    """Where the spec's runbook stands."""
    return f"{spec}/runbook.yaml"


def requirement_ids(files: Mapping[str, bytes], spec: str) -> tuple[str, ...]:
    """Every id of the spec that later artifacts refer to."""
    return read_spec(files, spec).ids
