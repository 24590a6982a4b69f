"""A manager's approval of a runbook's findings: signed, for these alone, good for one use."""

import json
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from phasegate.core import Clock, InvalidInput, new_id
from phasegate.core.secrets import find_secrets
from phasegate.ledger import Signer
from phasegate.runbooks.runtime.approvals import envelope, statement
from phasegate.runbooks.runtime.runbook import item_digest, set_digest

_NEEDED = (
    "runbook",
    "digest",
    "params",
    "actions",
    "changing",
    "findings",
    "counts",
    "errors",
    "cost_per_month",
    "unpriced",
)


def read_findings(text: str, path: str) -> dict[str, Any]:
    """A report as a released command prints it with `--json`.

    Raises:
        InvalidInput: it is none, its digest is not that of its findings, or there is nothing in it to act on.
    """
    fix = "write it with the released command: NAME --json > FINDINGS.json"
    try:
        report = json.loads(text)
    except ValueError as error:
        raise InvalidInput(f"'{path}' is not JSON: {error}", fix=fix) from error
    missing = [name for name in _NEEDED if not isinstance(report, dict) or name not in report]
    if missing:
        raise InvalidInput(f"'{path}' is no report of a runbook: it has no '{missing[0]}'", fix=fix)
    matches = [finding for finding in report["findings"] if finding["verdict"] == "match"]
    if not (matches and report["actions"]):
        raise InvalidInput(f"'{path}' has nothing to act on", fix="approve findings of a runbook that has an action")
    # The report came through a file: a manager must not sign findings that somebody wrote into it.
    if _digest(report, matches) != report["digest"]:
        raise InvalidInput(f"'{path}' was changed: its digest is not that of its findings", fix=fix)
    return dict(report)


@dataclass(frozen=True, kw_only=True)
class Terms:
    """Terms of an approval, which only narrow what was found."""

    hours: int = 24
    """How long it holds."""
    strike: frozenset[str] = frozenset()
    """Digests of the findings that are left out."""
    max_changes: int | None = None
    """More findings than this are not changed, even where all of them are approved."""
    reason: str = ""


def narrowed(
    report: Mapping[str, Any], strike: Sequence[str], *, hours: int, max_changes: int | None, reason: str
) -> Terms:
    """Return the terms with the findings that a person names by item or by fingerprint struck.

    Raises:
        InvalidInput: there is no such finding, two places have an item of that name, nothing is left, or the reason
            holds a secret.
    """
    matches = [finding for finding in report["findings"] if finding["verdict"] == "match"]
    struck = frozenset(_named(matches, name)["digest"] for name in strike)
    if len(struck) == len(matches):
        raise InvalidInput("every finding was struck, so that nothing is approved", fix="strike fewer")
    if find_secrets(reason):
        raise InvalidInput("the reason holds what looks like a secret", fix="say it without, and have it replaced")
    return Terms(hours=hours, strike=struck, max_changes=max_changes, reason=reason.strip())


def _named(matches: Sequence[Mapping[str, Any]], name: str) -> Mapping[str, Any]:
    found = [finding for finding in matches if name in (finding["id"], finding["fingerprint"])]
    if len(found) == 1:
        return found[0]
    if not found:
        raise InvalidInput(f"'{name}' is not among the findings", fix="name an item, or a fingerprint of the report")
    each = ", ".join(f"{finding['fingerprint']} ({finding['account']}, {finding['region']})" for finding in found)
    raise InvalidInput(f"'{name}' was found in {len(found)} places", fix=f"name one by its fingerprint: {each}")


def approval(report: Mapping[str, Any], by: str, key: Signer, terms: Terms, *, clock: Clock) -> bytes:
    """The approval file.

    Args:
        report: what is approved.
        by: the manager's name, as the package lists it.
        key: theirs.
        terms: how long it holds, and what it leaves out.
        clock: tells from when.
    """
    signed = statement(
        report,
        id_=new_id(16),
        approver=by,
        expires=clock.now() + timedelta(hours=terms.hours),
        strike=terms.strike,
        max_changes=terms.max_changes,
        reason=terms.reason,
    )
    return envelope(signed, key.sign)


def released_command(report: Mapping[str, Any], project: str, file: str, root: str = "") -> str:
    """The command that applies an approval, to be copied into a shell.

    It looks where there is something to act on, with the parameters that the findings were made with: the approval is
    for exactly these.

    Args:
        report: what was approved.
        project: the package's name, which its command has too.
        file: where the approval is.
        root: fingerprint of the root of trust, by which the package knows its approvers; empty: it remembers it.
    """
    matches = [finding for finding in report["findings"] if finding["verdict"] == "match"]
    known = report.get("regions", ())
    # A finding of a global service names no region, and none can be given for it.
    regions = [name for name in dict.fromkeys(finding["region"] for finding in matches) if name in known]
    params = [f"{name}={_word(value)}" for name, value in report["params"].items()]
    options = [*(("--region", name) for name in regions), *(("--param", each) for each in params)]
    words = [project, report["runbook"], *(word for option in options for word in option)]
    return shlex.join([*words, "--apply", "--approval", file, *(["--root", root] if root else [])])


def _word(value: Any) -> str:
    """Write a value as a word that reads back as it: JSON, or a text that is no JSON."""
    return value if isinstance(value, str) and not _is_json(value) else json.dumps(value)


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


def _digest(report: Mapping[str, Any], matches: list[dict[str, Any]]) -> str:
    items = [_item_digest(report, finding) for finding in matches]
    if items != [finding.get("digest") for finding in matches]:
        return ""
    return set_digest(report["runbook"], report["params"], report["actions"], items)


def _item_digest(report: Mapping[str, Any], finding: Mapping[str, Any]) -> str:
    fixed = {name: value for name, value in finding["evidence"].items() if name not in report["changing"]}
    return item_digest(report["runbook"], finding["account"], finding["region"], finding["id"], fixed)
