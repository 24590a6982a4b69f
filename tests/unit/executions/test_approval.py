"""A manager's approval of a runbook's findings."""

import json
import shlex
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from phasegate.core import FixedClock, InvalidInput
from phasegate.executions.approval import Terms, approval, narrowed, read_findings, released_command
from phasegate.ledger import PrivateKey
from phasegate.runbooks.runtime import Finding, Report, Verdict
from phasegate.runbooks.runtime.approvals import verified
from phasegate.runbooks.runtime.runbook import set_digest

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
    taken = verified(approval(findings, "ada", key, Terms(hours=2), clock=FixedClock(NOW)), approvers, NOW)
    assert (taken.approver, taken.digest) == ("ada", findings["digest"])
    assert (taken.expires - NOW).total_seconds() == 7200


def terms(document: dict[str, Any], *strike: str, most: int | None = None, reason: str = "") -> Terms:
    return narrowed(document, strike, hours=2, max_changes=most, reason=reason)


def test_an_approval_leaves_out_what_a_person_strikes(tmp_path: Path) -> None:
    key, document = PrivateKey(Ed25519PrivateKey.generate()), report("vol-1", "vol-2", "vol-3")
    one, two, three = document["findings"]
    agreed = terms(document, "vol-1", three["fingerprint"], most=1, reason=" old builds ")
    taken = verified(approval(document, "ada", key, agreed, clock=FixedClock(NOW)), {"ada": str(key.public)}, NOW)
    assert [item.id for item in taken.items.values()] == ["vol-2"]
    assert taken.digest == set_digest("volumes", document["params"], document["actions"], [two["digest"]])
    assert {id_ for _, _, id_ in taken.struck} == {"vol-1", "vol-3"}
    assert (taken.max_changes, agreed.reason) == (1, "old builds")
    assert one["digest"] in agreed.strike


@pytest.mark.parametrize(
    ("strike", "reason", "says"),
    [
        (("vol-9",), "", "'vol-9' is not among the findings"),
        (("vol-1", "vol-2"), "", "nothing is approved"),
        ((), "AKIAIOSFODNN7EXAMPLE", "looks like a secret"),
    ],
)
def test_terms_that_name_nothing_or_everything_are_refused(strike: tuple[str, ...], reason: str, says: str) -> None:
    with pytest.raises(InvalidInput, match=says):
        terms(report("vol-1", "vol-2"), *strike, reason=reason)


def test_an_item_of_two_places_is_struck_by_its_fingerprint() -> None:
    document = report("vol-1", "vol-2")
    document["findings"].append({**document["findings"][0], "account": "2", "fingerprint": "f" * 16, "digest": "d"})
    with pytest.raises(InvalidInput, match="in 2 places") as refused:
        terms(document, "vol-1")
    assert "f" * 16 in refused.value.fix
    assert terms(document, "f" * 16).strike == {"d"}


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
