"""An approval counts once, while it holds, and only under the key of an approver whom the package lists."""

import base64
import hashlib
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from phasegate.runbooks.runtime import Refused
from phasegate.runbooks.runtime.approvals import Item, consume, envelope, pae, statement, verified
from phasegate.runbooks.runtime.runbook import set_digest

NOW = datetime(2026, 11, 18, 12, tzinfo=UTC)
KEY, OTHER = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
MATCH = {"account": "111111111111", "region": "eu-west-1", "id": "vol-1", "digest": "d1", "verdict": "match"}
GAP = {"account": "111111111111", "region": "eu-west-2", "call": "ec2.describe_volumes", "code": "AccessDenied"}
REPORT: dict[str, Any] = {
    "runbook": "volumes",
    "digest": "set",
    "findings": [MATCH, {**MATCH, "id": "vol-2", "digest": "d2", "verdict": "no-match"}],
    "errors": [{**GAP, "message": "no"}],
}
Edit = Callable[[dict[str, Any]], object]


@pytest.fixture
def approvers(tmp_path: Path) -> Path:
    listed = [
        {"name": name, "public_key": base64.b64encode(key.public_key().public_bytes_raw()).decode()}
        for name, key in (("ada", KEY), ("bob", OTHER))
    ]
    file = tmp_path / "approvers.json"
    file.write_text(json.dumps({"approvers": listed}))
    return file


def signed(edit: Edit = lambda said: None, key: Ed25519PrivateKey = KEY) -> bytes:
    said = statement(REPORT, id_="appr-1", approver="ada", expires=NOW + timedelta(hours=1))
    edit(said)
    return envelope(said, key.sign)


def reason(document: bytes, approvers: Path, now: datetime = NOW) -> str:
    with pytest.raises(Refused) as caught:
        verified(document, approvers, now)
    return caught.value.reason


def test_an_approval_says_what_was_matched_and_which_gaps_were_known(approvers: Path) -> None:
    found = verified(signed(), approvers, NOW)
    assert (found.id, found.runbook, found.digest, found.approver) == ("appr-1", "volumes", "set", "ada")
    assert found.items == {"d1": Item(account="111111111111", region="eu-west-1", id="vol-1")}
    assert found.gaps == {("111111111111", "eu-west-2", "ec2.describe_volumes", "AccessDenied")}
    assert found.expires == NOW + timedelta(hours=1)


def test_an_approval_for_the_set_as_a_whole_lists_no_items_and_no_gaps(approvers: Path) -> None:
    found = verified(signed(lambda said: (said.pop("items"), said.pop("gaps"))), approvers, NOW)
    assert (found.items, found.gaps) == ({}, frozenset())


def test_without_terms_of_its_own_an_approval_says_nothing_of_them() -> None:
    said = statement(REPORT, id_="appr-1", approver="ada", expires=NOW)
    assert set(said) == {"id", "runbook", "digest", "items", "gaps", "approver", "expires"}


def test_an_approval_says_what_was_struck_how_many_at_most_and_why(approvers: Path) -> None:
    report = {**REPORT, "params": {"days": 30}, "actions": ["ec2.delete_volume"]}
    report["findings"] = [MATCH, {**MATCH, "id": "vol-3", "digest": "d3"}]
    ends = NOW + timedelta(hours=1)
    said = statement(
        report, id_="appr-1", approver="ada", expires=ends, strike=["d3"], max_changes=1, reason="old builds"
    )
    place = {name: MATCH[name] for name in ("account", "region", "id")}
    assert said == {
        "struck": [{**place, "id": "vol-3"}],
        "max_changes": 1,
        "reason": "old builds",
        "id": "appr-1",
        "runbook": "volumes",
        "digest": set_digest("volumes", {"days": 30}, ["ec2.delete_volume"], ["d1"]),
        "items": [{**place, "digest": "d1"}],
        "gaps": [GAP],
        "approver": "ada",
        "expires": ends.isoformat(),
    }
    found = verified(envelope(said, KEY.sign), approvers, NOW)
    assert found.max_changes == 1
    assert found.struck == {("111111111111", "eu-west-1", "vol-3")}


def test_approvers_are_a_file_or_names_with_keys(approvers: Path) -> None:
    keys = {entry["name"]: entry["public_key"] for entry in json.loads(approvers.read_text())["approvers"]}
    assert verified(signed(), keys, NOW).approver == "ada"
    with pytest.raises(Refused, match="not among the approvers"):
        verified(signed(), {"bob": keys["bob"]}, NOW)


def test_the_signed_bytes_are_those_of_dsse() -> None:
    kind = b"application/vnd.phasegate.approval+json"
    assert pae(b"{}") == b"DSSEv1 %d %s 2 {}" % (len(kind), kind)


def test_an_approval_ends_at_its_expiry(approvers: Path) -> None:
    ends = NOW + timedelta(hours=1)
    verified(signed(), approvers, ends - timedelta(seconds=1))
    assert reason(signed(), approvers, ends) == "expired"


@pytest.mark.parametrize(
    "edit",
    [
        lambda said: said.update(id="../out"),  # leaves the folder of the marks
        lambda said: said.update(id="a"),
        lambda said: said.update(id="appr-1\n"),
        lambda said: said.update(expires="soon"),
        lambda said: said.pop("digest"),
        lambda said: said["items"].append("all"),
    ],
)
def test_a_statement_that_is_not_well_formed_is_no_approval(approvers: Path, edit: Edit) -> None:
    assert reason(signed(edit), approvers) == "bad-approval"


def test_a_document_of_another_kind_is_no_approval(approvers: Path) -> None:
    document = json.loads(signed())
    assert reason(b"no JSON", approvers) == "bad-approval"
    assert reason(json.dumps({**document, "payloadType": "text/plain"}).encode(), approvers) == "bad-approval"
    assert reason(json.dumps({**document, "signatures": []}).encode(), approvers) == "bad-approval"
    spaced = {**document, "payload": f" {document['payload']}"}
    assert reason(json.dumps(spaced).encode(), approvers) == "bad-approval"


def test_only_the_approvers_own_key_signs(approvers: Path) -> None:
    assert reason(signed(key=OTHER), approvers) == "bad-signature"
    assert reason(signed(lambda said: said.update(approver="eve")), approvers) == "unknown-approver"
    document = json.loads(signed())
    other = json.loads(signed(lambda said: said.update(digest="another")))
    assert reason(json.dumps({**document, "payload": other["payload"]}).encode(), approvers) == "bad-signature"


KIND, APPLICATION = "sk-ssh-ed25519@openssh.com", b"ssh:"
TOUCHED = b"\x01" + bytes(4)
"""Flags and counter at the end of a security key's signature."""
PARTS = (KIND.encode(), KEY.public_key().public_bytes_raw(), APPLICATION)


def wire(*parts: bytes) -> bytes:
    """Strings in SSH's form: each after its length."""
    return b"".join(len(part).to_bytes(4, "big") + part for part in parts)


def lists(approvers: Path, blob: bytes, kind: str = KIND) -> None:
    line = f"{kind} {base64.b64encode(blob).decode()}"
    approvers.write_text(json.dumps({"approvers": [{"name": "ada", "public_key": line}]}))


def touched(tail: bytes = TOUCHED, application: bytes = APPLICATION) -> bytes:
    """An approval under the signature of a security key with that end."""

    def sign(message: bytes) -> bytes:
        of, what = (hashlib.sha256(part).digest() for part in (application, message))
        return KEY.sign(of + tail + what) + tail

    return envelope(statement(REPORT, id_="appr-1", approver="ada", expires=NOW + timedelta(hours=1)), sign)


def test_a_security_key_that_was_touched_signs(approvers: Path) -> None:
    lists(approvers, wire(*PARTS))
    assert verified(touched(), approvers, NOW).id == "appr-1"
    assert verified(touched(b"\x05" + b"\x07" * 4), approvers, NOW).id == "appr-1"  # another counter, and verified, too


@pytest.mark.parametrize(
    "document",
    [
        pytest.param(touched(bytes(5)), id="not touched"),
        pytest.param(touched(b"\x04" + bytes(4)), id="verified, not touched"),
        pytest.param(touched(TOUCHED + b"\x00"), id="too long"),
        pytest.param(touched(TOUCHED[:-1]), id="too short"),
        pytest.param(touched(application=b"ssh:other"), id="for another application"),
        pytest.param(signed(), id="as a key in a file signs"),
    ],
)
def test_a_security_key_s_signature_says_that_it_was_touched(approvers: Path, document: bytes) -> None:
    lists(approvers, wire(*PARTS))
    assert reason(document, approvers) == "bad-signature"


@pytest.mark.parametrize(
    ("kind", "parts"),
    [
        pytest.param("ssh-ed25519", PARTS, id="of another kind"),
        pytest.param(KIND, (*PARTS, b"more"), id="with something behind it"),
        pytest.param(KIND, PARTS[:2], id="without an application"),
        pytest.param(KIND, (KIND.encode(), OTHER.public_key().public_bytes_raw(), APPLICATION), id="of another"),
    ],
)
def test_only_a_whole_security_key_counts(approvers: Path, kind: str, parts: tuple[bytes, ...]) -> None:
    lists(approvers, wire(*parts), kind)
    assert reason(touched(), approvers) == "bad-signature"


def test_a_list_of_approvers_that_cannot_be_read_lists_nobody(approvers: Path) -> None:
    approvers.write_text("[]")
    assert reason(signed(), approvers) == "unknown-approver"
    approvers.unlink()
    assert reason(signed(), approvers) == "unknown-approver"


def test_an_approval_is_used_once(approvers: Path, tmp_path: Path) -> None:
    approval, state = verified(signed(), approvers, NOW), tmp_path / "deep" / "state"
    consume(approval, state)
    assert (state / "appr-1").read_text() == "set"
    assert (state / "appr-1").stat().st_mode & 0o777 == 0o600
    with pytest.raises(Refused) as caught:
        consume(approval, state)
    assert caught.value.reason == "consumed"
    consume(verified(signed(lambda said: said.update(id="appr-2")), approvers, NOW), state)
