"""A manager's approval of a runbook's findings."""

import json
import shlex
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from phasegate.core import FixedClock, InvalidInput
from phasegate.executions.approval import approval, read_findings, released_command
from phasegate.ledger import PrivateKey
from phasegate.runbooks.runtime import Finding, Report, Verdict
from phasegate.runbooks.runtime.approvals import verified

NOW = datetime(2026, 11, 18, 20, 10, tzinfo=UTC)


def report(*ids: str, actions: tuple[str, ...] = ("ec2.DeleteVolume",)) -> dict[str, Any]:
    """As the released command prints it."""
    found = [
        Finding(runbook="volumes", id=name, account="1", region="us-east-1", verdict=Verdict.match, severity="medium")
        for name in ids
    ]
    scanned = Report(
        runbook="volumes",
        title="Volumes",
        as_of=NOW,
        params={"days": 30},
        regions=["us-east-1"],
        judged=9,
        findings=found,
        errors=[],
        actions=actions,
    )
    return scanned.document()


def test_the_package_takes_the_approval_for_its_own_findings(tmp_path: Path) -> None:
    key = PrivateKey(Ed25519PrivateKey.generate())
    approvers = tmp_path / "approvers.json"
    approvers.write_text(json.dumps({"approvers": [{"name": "ada", "public_key": str(key.public)}]}))
    findings = read_findings(json.dumps(report("vol-1", "vol-2")), "findings.json")
    taken = verified(approval(findings, "ada", key, hours=2, clock=FixedClock(NOW)), approvers, NOW)
    assert (taken.approver, taken.digest) == ("ada", findings["digest"])
    assert (taken.expires - NOW).total_seconds() == 7200


def test_the_command_is_whole_and_can_be_copied() -> None:
    document = report("vol-1") | {"params": {"days": 30, "tag": "do not touch", "code": "007"}}
    words = shlex.split(released_command(document, "acme-runbooks", "my approval.json"))
    assert words[:4] == ["acme-runbooks", "volumes", "--region", "us-east-1"]
    assert words[4:10] == ["--param", "days=30", "--param", "tag=do not touch", "--param", "code=007"]
    assert words[10:] == ["--apply", "--approval", "my approval.json"]
    assert "--param 'code=\"7\"'" in released_command(document | {"params": {"code": "7"}}, "acme", "a.json")


@pytest.mark.parametrize(
    ("document", "why"),
    [
        ("{", "not JSON"),
        (json.dumps({"findings": []}), "no report of a runbook"),
        (json.dumps(report()), "nothing to act on"),
        (json.dumps(report("vol-1", actions=())), "nothing to act on"),
        # another volume is shown than the one that would be deleted
        (json.dumps(report("vol-1")).replace("vol-1", "vol-9"), "was changed"),
    ],
)
def test_what_is_shown_is_what_is_approved(document: str, why: str) -> None:
    with pytest.raises(InvalidInput, match=why):
        read_findings(document, "findings.json")
