"""Runs a runbook.yaml as it will run once released: the compiled detection, on the runtime that goes along with it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from phasegate.core.errors import Missing, PhasegateError, UsageError
from phasegate.runbooks import runtime
from phasegate.runbooks.compiler.codegen import compile_module
from phasegate.runbooks.language.model import Runbook, load
from phasegate.runbooks.prices import PRICES
from phasegate.runbooks.runtime import options


@dataclass(frozen=True, kw_only=True)
class Where:
    """Scope and connection of a check."""

    regions: Sequence[str] = ()
    """Win over the runbook's scope."""
    except_regions: Sequence[str] = ()
    accounts: str = ""
    """`current`, `organization`, or ids with commas, in place of the runbook's own."""
    profile: str = ""
    """AWS profile of the credentials, or empty for boto3's own search."""
    endpoint: str | None = None
    """Endpoint of AWS, or None for AWS_ENDPOINT_URL or AWS itself."""
    params: Mapping[str, Any] = field(default_factory=dict)
    """Overrides of the runbook's parameters."""
    prices: Path | None = None
    """The price table; the one that a target repository begins with, where it is left out."""


def check(text: str, path: str, *, as_of: datetime, where: Where | None = None) -> dict[str, Any]:
    """Scan with a runbook without changing anything, and return the report.

    Args:
        text: The runbook.yaml.
        path: Its name.
        as_of: The time to judge by, with its zone.
        where: Regions, endpoint, parameters and prices.

    Returns:
        JSON: `runbook`, `as_of`, `counts`, `errors`, and `findings`, each with `id`, `region`, `account`, `verdict`,
        `severity`, `reason`, `evidence` and `cost`.

    Raises:
        InvalidInput: the file does not hold.
        Missing: there are no credentials that work.
        UsageError: an override names no parameter of the runbook, or an account is none.
    """
    looked = where or Where()
    runbook = compiled(load(text, path), path)
    try:
        return runtime.run(runbook, order_of(as_of, looked)).document()
    except runtime.RunbookError as error:
        raise _ours(error)(str(error), fix="see 'phasegate runbook check --help'") from error


def compiled(runbook: Runbook, path: str) -> runtime.Runbook:
    """Return the runbook that its compiled module declares, with our runtime in place of its package's copy."""
    source = compile_module(runbook, name=_name(path))
    names: dict[str, Any] = {}
    ours = source.replace("from .._runtime import", f"from {runtime.__name__} import")
    # The compiler wrote it, and lets nothing of a stranger's become code; it is what a release runs, too.
    exec(ours, names)  # noqa: S102
    declared: runtime.Runbook = names["RUNBOOK"]
    return declared


def order_of(as_of: datetime, looked: Where) -> runtime.Order:
    """Return the scope and connection of a scan with list prices, unless others are given."""
    return runtime.Order(
        now=as_of,
        regions=tuple(looked.regions),
        except_regions=tuple(looked.except_regions),
        accounts=options.accounts(looked.accounts or None),
        params=dict(looked.params),
        prices=runtime.PriceTable.read(looked.prices or PRICES),
        endpoint=looked.endpoint,
        session=options.session(looked.profile),
    )


def _ours(error: runtime.RunbookError) -> type[PhasegateError]:
    """Return our error for one of the runtime, which imports nothing of ours."""
    match error:
        case runtime.WrongUse():
            return UsageError
        case runtime.Prerequisite():
            return Missing
        case _:
            return PhasegateError


def _name(path: str) -> str:
    """The folder of a spec without its number, or else the file's own name."""
    file = Path(path)
    folder = file.parent.name
    return folder.lstrip("0123456789-") if file.stem == "runbook" and folder else file.stem
