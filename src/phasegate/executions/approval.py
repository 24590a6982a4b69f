"""A manager's approval of a runbook's findings: signed, for these alone, good for one use."""

import json
import shlex
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from phasegate.core import Clock, InvalidInput, new_id
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


def approval(report: Mapping[str, Any], by: str, key: Signer, *, hours: int, clock: Clock) -> bytes:
    """The approval file.

    Args:
        report: what is approved.
        by: the manager's name, as the package lists it.
        key: theirs.
        hours: how long it holds.
        clock: tells from when.
    """
    expires = clock.now() + timedelta(hours=hours)
    return envelope(statement(report, id_=new_id(16), approver=by, expires=expires), key.sign)


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
