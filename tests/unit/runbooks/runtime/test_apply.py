"""An apply changes what was approved, is still found and is unchanged when it is read just before; else it says why."""

import base64
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import boto3
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from moto import mock_aws

from phasegate.core import new_id
from phasegate.runbooks.runtime import Change, Guard, Order, Outcome, Refused, Report, Runbook, Scan, apply, run
from phasegate.runbooks.runtime.approvals import envelope, statement
from phasegate.runbooks.runtime.log import ActionLog
from phasegate.runbooks.runtime.runbook import Detail
from phasegate.runbooks.runtime.scan import Row

NOW = datetime.now(UTC)
REGION, OTHER = "eu-west-1", "eu-central-1"


def volumes(scan: Scan) -> Iterator[Row]:
    return scan.rows("ec2", "describe_volumes", "Volumes")


def mark(change: Change, row: Row) -> None:
    change.undo_with("ec2", "delete_tags", Resources=[row["VolumeId"]], Tags=[{"Key": "seen"}])
    change.make("ec2", "create_tags", Resources=[row["VolumeId"]], Tags=[{"Key": "seen", "Value": "yes"}])


BOOK = Runbook(
    name="volumes",
    title="Volumes",
    kind="waste",
    severity="low",
    regions=(REGION, OTHER),
    list_items=volumes,
    identify=lambda scan, row: str(row["VolumeId"]),
    is_match=lambda scan, row: row["State"] == "available",
    evidence=lambda scan, row: {"Size": row["Size"], "age": scan.now.isoformat()},
    changing=("age",),
    remediate=mark,
    guard=Guard(protect_tags=["keep"], max_changes=9),
)


@dataclass
class Account:
    """An account and somebody who approves."""

    folder: Path
    key: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)

    def __post_init__(self) -> None:
        public = base64.b64encode(self.key.public_key().public_bytes_raw()).decode()
        listed = {"approvers": [{"name": "ann", "public_key": public}]}
        (self.folder / "approvers.json").write_text(json.dumps(listed))

    @property
    def log(self) -> ActionLog:
        return ActionLog(self.folder / "log")

    def volume(self, region: str = REGION, size: int = 1) -> str:
        made = ec2(region).create_volume(Size=size, AvailabilityZone=f"{region}a")
        return str(made["VolumeId"])

    def scan(self, book: Runbook = BOOK, **more: Any) -> Report:
        return run(book, Order(now=NOW, **more))

    def sign(self, report: Report, strike: tuple[str, ...] = (), most: int | None = None, **changed: Any) -> bytes:
        digests = [finding.digest for finding in report.matches if finding.id in strike]
        until = NOW + timedelta(days=1)
        signed = statement(
            report.document(), id_=new_id(8), approver="ann", expires=until, strike=digests, max_changes=most
        )
        return envelope({**signed, **changed}, self.key.sign)

    def apply(self, approval: bytes, book: Runbook = BOOK, **more: Any) -> Outcome:
        return apply(
            book,
            Order(now=NOW + timedelta(minutes=5), **more),
            approval=approval,
            approvers=self.folder / "approvers.json",
            log=self.log.path,
            state=self.folder / "state",
            pause=lambda seconds: None,
        )


@cache
def ec2(region: str = REGION) -> Any:
    """One client for all tests: to load EC2's model takes longer than a test."""
    session: Any = boto3.Session()
    return session.client("ec2", region_name=region)


def marked() -> set[str]:
    """Volumes that were changed."""
    found = (v for region in (REGION, OTHER) for v in ec2(region).describe_volumes()["Volumes"])
    return {v["VolumeId"] for v in found if any(tag["Key"] == "seen" for tag in v.get("Tags", ()))}


def said(outcome: Outcome) -> dict[str, tuple[str, str]]:
    return {changed.id: (changed.state, changed.detail) for changed in outcome.changes}


@pytest.fixture
def office(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Account]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("MOTO_EC2_LOAD_DEFAULT_AMIS", "false")
    for name in ("AWS_PROFILE", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)
    with mock_aws():
        yield Account(tmp_path)


def test_a_new_finding_blocks_nothing_and_is_left_alone(office: Account) -> None:
    approved = office.volume()
    approval = office.sign(office.scan())
    new = office.volume()
    outcome = office.apply(approval)
    assert marked() == {approved}
    assert said(outcome) == {approved: ("done", ""), new: ("left out", "new since the approval")}
    assert outcome.finished


def gone(volume: str) -> None:
    ec2().delete_volume(VolumeId=volume)


def grown(volume: str) -> None:
    ec2().modify_volume(VolumeId=volume, Size=9)


def protected(volume: str) -> None:
    ec2().create_tags(Resources=[volume], Tags=[{"Key": "keep", "Value": ""}])


def test_what_the_approver_struck_is_left_alone_and_said(office: Account) -> None:
    kept, struck = office.volume(), office.volume(OTHER)
    outcome = office.apply(office.sign(office.scan(), strike=(struck,)))
    assert marked() == {kept}
    assert said(outcome) == {kept: ("done", ""), struck: ("left out", "struck by the approver")}


def test_what_was_struck_cannot_come_back_by_editing_the_list_of_it(office: Account) -> None:
    kept, struck = office.volume(), office.volume()
    report = office.scan()
    everything = json.loads(base64.b64decode(json.loads(office.sign(report))["payload"]))["items"]
    with pytest.raises(Refused, match="parameters or the actions") as refused:
        office.apply(office.sign(report, strike=(struck,), items=everything))
    assert refused.value.reason == "stale"
    assert marked() == set()
    assert {item["id"] for item in everything} == {kept, struck}


@pytest.mark.parametrize(("most", "changed"), [(1, 0), (2, 2), (None, 2)])
def test_more_than_the_approver_allowed_are_refused_as_a_whole(office: Account, most: int | None, changed: int) -> None:
    office.volume(), office.volume()
    approval = office.sign(office.scan(), most=most)
    if changed:
        office.apply(approval)
    else:
        with pytest.raises(Refused, match="2 changes are more than the 1 that were approved"):
            office.apply(approval)
    assert len(marked()) == changed


@pytest.mark.parametrize(
    ("meddle", "state", "detail"),
    [
        (gone, "left out", "gone, or no match any more"),
        (grown, "left out", "changed since the approval; it is now {'Size': 9"),
        (protected, "held back", "it carries the tag keep"),
    ],
)
@pytest.mark.parametrize("moment", ["before the scan", "just before its change"])
def test_what_is_no_longer_as_approved_is_left_alone(
    office: Account, meddle: Callable[[str], None], state: str, detail: str, moment: str
) -> None:
    first, second = sorted([office.volume(), office.volume()])
    approval = office.sign(office.scan())
    book = BOOK
    if moment == "before the scan":
        meddle(second)
    else:

        def marks(change: Change, row: Row) -> None:
            mark(change, row)
            if hasattr(change, "log"):
                meddle(second)  # while the first is changed

        book = replace(BOOK, remediate=marks)
    outcome = office.apply(approval, book)
    assert marked() == {first}
    assert said(outcome)[first] == ("done", "")
    assert said(outcome)[second][0] == state
    assert said(outcome)[second][1].startswith(detail)


def refusing(region: str) -> Callable[[Scan], Iterator[Row]]:
    """A listing that AWS refuses in a region."""

    def listing(scan: Scan) -> Iterator[Row]:
        if scan.region == region:
            return scan.rows("ec2", "describe_volumes", "Volumes", VolumeIds=["vol-00000000000000000"])
        return volumes(scan)

    return listing


def test_a_region_that_fails_blocks_no_other(office: Account) -> None:
    here, there = office.volume(), office.volume(OTHER)
    approval = office.sign(office.scan())
    outcome = office.apply(approval, replace(BOOK, list_items=refusing(OTHER)))
    assert marked() == {here}
    assert said(outcome)[there] == (
        "left out",
        "not looked at: ec2.describe_volumes failed: InvalidVolume.NotFound",
    )
    assert [(gap.region, gap.code) for gap in outcome.gaps] == [(OTHER, "InvalidVolume.NotFound")]


def test_a_gap_that_the_approval_names_is_none(office: Account) -> None:
    here = office.volume()
    book = replace(BOOK, list_items=refusing(OTHER))
    outcome = office.apply(office.sign(office.scan(book)), book)
    assert (marked(), outcome.gaps) == ({here}, [])


def half_listed(scan: Scan) -> Iterator[Row]:
    """A chain of which one parent goes away between two calls."""
    yield from scan.rows("ec2", "describe_volumes", "Volumes", VolumeIds=["vol-00000000000000000"])
    yield from volumes(scan)


def test_a_failed_call_of_the_listing_leaves_what_was_found_as_approved(office: Account) -> None:
    volume = office.volume()
    book = replace(BOOK, regions=(REGION,), list_items=half_listed)
    outcome = office.apply(office.sign(office.scan(book)), book)
    assert (said(outcome), marked()) == ({volume: ("done", "")}, {volume})


def test_a_detail_that_fails_just_before_the_change_leaves_the_item_alone(office: Account) -> None:
    volume, asked = office.volume(), []

    def users(scan: Scan, row: Row) -> list[Row]:
        asked.append(row)
        wanted = "vol-00000000000000000" if len(asked) > len(("scan", "apply")) else row["VolumeId"]
        return list(scan.rows("ec2", "describe_volumes", "Volumes", VolumeIds=[wanted]))

    book = replace(BOOK, regions=(REGION,), details=(Detail(name="users", find=users),))
    outcome = office.apply(office.sign(office.scan(book)), book)
    assert said(outcome)[volume][0] == "left out"
    assert "could not be read again" in said(outcome)[volume][1]
    assert marked() == set()


def test_a_region_that_is_left_out_is_no_gap(office: Account) -> None:
    here = office.volume()
    book = replace(BOOK, list_items=refusing(OTHER))
    outcome = office.apply(office.sign(office.scan(book, except_regions=(OTHER,))), book, except_regions=(OTHER,))
    assert (marked(), outcome.gaps, outcome.report.errors) == ({here}, [], [])


def test_evidence_that_time_changes_by_itself_is_not_compared(office: Account) -> None:
    volume = office.volume()
    report = office.scan()
    assert report.findings[0].evidence["age"] != office.scan(replace(BOOK)).as_of
    assert said(office.apply(office.sign(report)))[volume] == ("done", "")


@pytest.mark.parametrize(
    "changed",
    [{"items": [{"account": "1", "region": REGION, "id": "vol-1", "digest": "0" * 64}]}, {"digest": "0" * 64}],
)
def test_nothing_is_changed_where_nothing_approved_is_left(office: Account, changed: dict[str, Any]) -> None:
    office.volume()
    with pytest.raises(Refused) as caught:
        office.apply(office.sign(office.scan(), **changed))
    assert caught.value.reason == "stale"
    assert marked() == set()


def test_an_approval_without_items_is_for_the_whole_set(office: Account) -> None:
    volume = office.volume()
    whole = office.sign(office.scan(), items=[], gaps=[])
    assert said(office.apply(whole))[volume] == ("done", "")
    again = office.sign(office.scan(), items=[], gaps=[])
    office.volume()
    with pytest.raises(Refused) as caught:
        office.apply(again)
    assert caught.value.reason == "stale"


def test_no_more_than_the_guard_allows_are_changed(office: Account) -> None:
    for _ in range(3):
        office.volume()
    with pytest.raises(Refused) as caught:
        office.apply(office.sign(office.scan()), replace(BOOK, guard=Guard(max_changes=2)))
    assert (caught.value.reason, marked()) == ("guard", set())


def test_a_dry_run_says_what_the_guard_would_hold_back(office: Account) -> None:
    kept, free = office.volume(), office.volume()
    protected(kept)
    report = office.scan(replace(BOOK, guard=Guard(protect_tags=["keep"], max_changes=0)))
    assert {f.id: f.held_back for f in report.findings} == {kept: "it carries the tag keep", free: ""}
    assert report.refusal == "1 changes are more than the 0 that the guard allows"


def test_a_change_that_aws_would_refuse_is_held_back(office: Account) -> None:
    volume = office.volume()

    def impossible(change: Change, row: Row) -> None:
        change.undo_with("ec2", "create_volume", AvailabilityZone="a", VolumeType="standard", Throughput=1)
        change.make("ec2", "delete_volume", VolumeId=row["VolumeId"])

    book = replace(BOOK, remediate=impossible)
    outcome = office.apply(office.sign(office.scan(book)), book)
    assert said(outcome)[volume] == (
        "held back",
        "the undo, ec2.create_volume would be refused: a volume of type standard takes no Throughput",
    )


def test_a_change_that_fails_half_way_says_what_stays_done(office: Account) -> None:
    def half(change: Change, row: Row) -> None:
        mark(change, row)
        change.make("ec2", "attach_volume", VolumeId=row["VolumeId"], InstanceId="i-00000000", Device="/dev/sdf")

    volume = office.volume()
    book = replace(BOOK, remediate=half)
    state, detail = said(office.apply(office.sign(office.scan(book)), book))[volume]
    assert state == "failed"
    assert detail.startswith("InvalidInstanceID.NotFound: ")
    done = "; done before that, and not undone: ec2.create_tags; to undo that: ec2.delete_tags "
    assert detail.partition(done)[2].startswith(f'{{"Resources": ["{volume}"]')


def test_a_change_whose_end_is_not_logged_is_told_at_the_next_start(office: Account) -> None:
    first, second = office.volume(), office.volume()
    about = {"approval": "old-1", "runbook": "volumes", "account": "1", "region": REGION}
    for id_, states in ((first, ["begun", "done"]), (second, ["begun"])):
        for state in states:
            office.log.write({**about, "id": id_, "step": "change", "call": "ec2.create_tags", "state": state})
    with office.log.path.open("a") as file:
        file.write('{"half')
    assert [line["id"] for line in office.log.unfinished()] == [second]
    outcome = office.apply(office.sign(office.scan()))
    assert [line["id"] for line in outcome.unfinished] == [second]
    assert office.log.unfinished() == []
    assert said(outcome) == {first: ("done", ""), second: ("done", "")}
