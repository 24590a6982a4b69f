"""Reading a runbook spec: spec.md and the runbook.yaml beside it."""

from collections.abc import Mapping
from dataclasses import dataclass

from phasegate.authors.author import Facts
from phasegate.authors.kinds import runbook_path
from phasegate.core import InvalidInput
from phasegate.runbooks import Runbook, load
from phasegate.spec import Spec, read_spec


@dataclass(frozen=True, kw_only=True)
class Sources:
    """A spec with its runbook."""

    spec: Spec
    runbook: Runbook


def sources(files: Mapping[str, bytes], facts: Facts) -> Sources:
    """Read spec and runbook.

    Raises:
        InvalidInput: one of them is missing or does not hold.
    """
    runbook = load(runbook_text(files, facts), runbook_path(facts.spec))
    return Sources(spec=read_spec(files, facts.spec), runbook=runbook)


def runbook_text(files: Mapping[str, bytes], facts: Facts) -> str:
    """Return the text of runbook.yaml.

    Raises:
        InvalidInput: it is missing.
    """
    path = runbook_path(facts.spec)
    if path not in files:
        raise InvalidInput(
            f"'{facts.spec}' has no runbook.yaml, and the compiler builds from nothing else",
            fix=f"add {path} (docs/runbook-language.md)",
        )
    return files[path].decode()
