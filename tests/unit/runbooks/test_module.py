"""A compiled module does what its runbook.yaml says, against a mocked AWS account."""

import base64
import importlib
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import ModuleType
from typing import Any

import boto3
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from moto import mock_aws
from ruff import find_ruff_bin

from phasegate.core import Criterion, InvalidInput, new_id
from phasegate.ledger import PrivateKey
from phasegate.runbooks import load
from phasegate.runbooks.compiler.codegen import compile_module, runtime_files
from phasegate.trust import Root, follow, list_approvers, sign_root

NOW = datetime.now(UTC) + timedelta(days=40)
REGION = "eu-west-1"
VOLUMES = """\
title: Unattached volumes
kind: waste
scope: {regions: [eu-west-1], params: {min_age_days: 30}}
list: ec2.DescribeVolumes
id: VolumeId
where: "State == 'available'"
with:
  - {as: snaps, list: {op: ec2.DescribeSnapshots, params: {OwnerIds: [self]}}, by: [VolumeId, VolumeId], many: true}
match: "age_days(CreateTime) > _params.min_age_days"
skip: "tag(@, 'hold') != null && 'on hold'"
evidence: [Size, "length(snaps)"]
cost: {unit: "ebs:{VolumeType}:gb-month", quantity: Size, per: month}
action:
  - op: ec2.DeleteVolume
    params: {VolumeId: "=VolumeId"}
    snapshot: {op: ec2.CreateSnapshot, params: {VolumeId: "=VolumeId"}, wait: snapshot_completed}
    undo:
      op: ec2.CreateVolume
      params: {SnapshotId: "=snapshot.SnapshotId", AvailabilityZone: "=AvailabilityZone"}
    verify: gone
guard: {protect_tags: [keep], min_age_days: 7, max_changes: 3}
"""
CRITERIA = [
    Criterion(id="AC-001", given="an old volume", when="the scan runs", then="it is reported"),
    Criterion(id="AC-002", given="an approval", when="it is applied", then="a snapshot comes before the delete"),
]
PRICE = {"unit": "ebs:gp3:gb-month", "region": "*", "price": 0.08, "source": "list", "date": "2026-11-01"}


@pytest.fixture(autouse=True)
def _credentials(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    # else the snapshots of moto's own images count as the account's
    monkeypatch.setenv("MOTO_EC2_LOAD_DEFAULT_AMIS", "false")


@pytest.fixture
def aws() -> Iterator[Any]:
    with mock_aws():
        yield boto3.client("ec2", REGION)


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., ModuleType]:
    """Lays a package with the runtime and one compiled module, and imports it."""

    def lay(text: str, name: str = "old-volumes") -> ModuleType:
        folder = tmp_path / f"pkg_{new_id(8)}"
        files = {f"_runtime/{path}": content for path, content in runtime_files().items()}
        source = compile_module(load(text, "runbook.yaml"), name=name, criteria=CRITERIA)
        files |= {"__init__.py": b"", "runbooks/__init__.py": b"", "runbooks/old_volumes.py": source.encode()}
        files["prices.json"] = json.dumps({"prices": [PRICE]}).encode()
        for path, content in files.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(content)
        monkeypatch.syspath_prepend(str(tmp_path))
        return importlib.import_module(f"{folder.name}._runtime")

    return lay


def runbook_of(runtime: ModuleType) -> Any:
    return importlib.import_module(f"{str(runtime.__package__).removesuffix('._runtime')}.runbooks.old_volumes").RUNBOOK


def order(runtime: ModuleType, **more: Any) -> Any:
    return runtime.Order(now=NOW, **more)


def volume(aws: Any, size: int = 10, **tags: str) -> str:
    listed = [{"Key": key, "Value": value} for key, value in tags.items()]
    given = {"TagSpecifications": [{"ResourceType": "volume", "Tags": listed}]} if tags else {}
    made = aws.create_volume(AvailabilityZone=f"{REGION}a", Size=size, VolumeType="gp3", **given)
    return str(made["VolumeId"])


class Approver:
    """Someone whose signature the package accepts."""

    def __init__(self, folder: Path) -> None:
        self.key = Ed25519PrivateKey.generate()
        self.list = folder / "approvers.json"
        public = base64.b64encode(self.key.public_key().public_bytes_raw()).decode()
        self.list.write_text(json.dumps({"approvers": [{"name": "ann", "public_key": public}]}))

    def sign(self, runtime: ModuleType, report: Any, **changed: Any) -> bytes:
        approvals = importlib.import_module(f"{runtime.__name__}.approvals")
        expires = NOW + timedelta(hours=1)
        signed = approvals.statement(report.document(), id_=new_id(8), approver="ann", expires=expires)
        return bytes(approvals.envelope({**signed, **changed}, self.key.sign))


@pytest.fixture
def approver(tmp_path: Path) -> Approver:
    return Approver(tmp_path)


def apply(runtime: ModuleType, approver: Approver, approval: bytes, **more: Any) -> Any:
    folder = approver.list.parent
    return runtime.apply(
        runbook_of(runtime),
        order(runtime, **more),
        approval=approval,
        approvers=approver.list,
        log=folder / "actions.jsonl",
        state=folder / "approvals",
        pause=lambda seconds: None,
    )


def lines(approver: Approver) -> list[dict[str, Any]]:
    log = approver.list.parent / "actions.jsonl"
    return [json.loads(line) for line in log.read_text().splitlines()]


def test_finds_prices_and_skips(aws: Any, package: Callable[..., ModuleType], tmp_path: Path) -> None:
    old, held = volume(aws), volume(aws, hold="")
    runtime = package(VOLUMES)
    prices = runtime.PriceTable.read(next(tmp_path.glob("pkg_*/prices.json")))
    report = runtime.run(runbook_of(runtime), order(runtime, prices=prices))
    found = {finding.id: finding for finding in report.findings}
    assert [finding.id for finding in report.matches] == [old]
    assert (found[held].verdict, found[held].reason) == ("skip", "on hold")
    assert found[old].evidence == {"Size": 10, "length(snaps)": 0}
    assert (found[old].cost.monthly, found[old].cost.date) == (pytest.approx(0.8), "2026-11-01")
    assert report.counts == {"judged": 2, "match": 1, "warn": 0, "skip": 1, "unknown": 0}


def test_an_unknown_price_is_unknown(aws: Any, package: Callable[..., ModuleType]) -> None:
    volume(aws)
    runtime = package(VOLUMES)
    report = runtime.run(runbook_of(runtime), order(runtime))
    assert report.matches[0].cost.amount is None
    assert (report.monthly_cost, report.unpriced) == (0, 1)


def test_a_dry_run_changes_nothing(aws: Any, package: Callable[..., ModuleType]) -> None:
    old = volume(aws)
    runtime = package(VOLUMES)
    runtime.run(runbook_of(runtime), order(runtime))
    assert [entry["VolumeId"] for entry in aws.describe_volumes()["Volumes"]] == [old]
    assert aws.describe_snapshots(OwnerIds=["self"])["Snapshots"] == []


def test_applies_snapshot_first_and_verifies(aws: Any, package: Callable[..., ModuleType], approver: Approver) -> None:
    old, kept = volume(aws), volume(aws, keep="")
    runtime = package(VOLUMES)
    report = runtime.run(runbook_of(runtime), order(runtime))
    outcome = apply(runtime, approver, approver.sign(runtime, report))
    states = {changed.id: changed.state for changed in outcome.changes}
    assert states == {old: "done", kept: "held back"}
    assert [entry["VolumeId"] for entry in aws.describe_volumes()["Volumes"]] == [kept]
    steps = [(line["step"], line["state"]) for line in lines(approver) if line["id"] == old]
    assert steps == [
        ("snapshot", "begun"),
        ("snapshot", "done"),
        ("wait", "begun"),
        ("wait", "done"),
        ("undo", "recorded"),
        ("change", "begun"),
        ("change", "done"),
        ("verify", "done"),
    ]
    undo = next(line for line in lines(approver) if line["step"] == "undo")
    (snapshot,) = aws.describe_snapshots(OwnerIds=["self"])["Snapshots"]
    assert undo["params"] == {"SnapshotId": snapshot["SnapshotId"], "AvailabilityZone": f"{REGION}a"}


def test_a_second_apply_makes_no_second_change(
    aws: Any, package: Callable[..., ModuleType], approver: Approver
) -> None:
    volume(aws)
    runtime = package(VOLUMES)
    approval = approver.sign(runtime, runtime.run(runbook_of(runtime), order(runtime)))
    apply(runtime, approver, approval)
    with pytest.raises(runtime.Refused) as caught:
        apply(runtime, approver, approval)
    assert caught.value.reason == "stale"
    assert len(aws.describe_snapshots(OwnerIds=["self"])["Snapshots"]) == 1


def test_an_approval_is_good_for_one_use(aws: Any, package: Callable[..., ModuleType], approver: Approver) -> None:
    volume(aws, keep="")
    runtime = package(VOLUMES)
    approval = approver.sign(runtime, runtime.run(runbook_of(runtime), order(runtime)))
    apply(runtime, approver, approval)
    with pytest.raises(runtime.Refused) as caught:
        apply(runtime, approver, approval)
    assert caught.value.reason == "consumed"


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"digest": "0" * 64}, "stale"),
        ({"digest": "0" * 64, "items": []}, "stale"),
        ({"runbook": "another"}, "stale"),
        ({"approver": "bob"}, "unknown-approver"),
        ({"expires": (NOW - timedelta(seconds=1)).isoformat()}, "expired"),
        ({"expires": NOW.isoformat()}, "expired"),
        ({"id": "../../x"}, "bad-approval"),
    ],
)
def test_an_approval_of_anything_else_is_refused(
    aws: Any, package: Callable[..., ModuleType], approver: Approver, changed: dict[str, Any], reason: str
) -> None:
    old = volume(aws)
    runtime = package(VOLUMES)
    report = runtime.run(runbook_of(runtime), order(runtime))
    with pytest.raises(runtime.Refused) as caught:
        apply(runtime, approver, approver.sign(runtime, report, **changed))
    assert caught.value.reason == reason
    assert [entry["VolumeId"] for entry in aws.describe_volumes()["Volumes"]] == [old]


def test_a_forged_signature_is_refused(aws: Any, package: Callable[..., ModuleType], approver: Approver) -> None:
    volume(aws)
    runtime = package(VOLUMES)
    report = runtime.run(runbook_of(runtime), order(runtime))
    stranger = Approver(approver.list.parent)
    forged = approver.sign(runtime, report)
    with pytest.raises(runtime.Refused) as caught:
        apply(runtime, stranger, forged)
    assert caught.value.reason == "bad-signature"


def test_more_changes_than_the_guard_allows_are_refused_as_a_whole(
    aws: Any, package: Callable[..., ModuleType], approver: Approver
) -> None:
    for _ in range(4):
        volume(aws)
    runtime = package(VOLUMES)
    approval = approver.sign(runtime, runtime.run(runbook_of(runtime), order(runtime)))
    with pytest.raises(runtime.Refused) as caught:
        apply(runtime, approver, approval)
    assert caught.value.reason == "guard"
    assert len(aws.describe_volumes()["Volumes"]) == 4


FUNCTIONS = """\
list: sqs.ListQueues
id: _
with:
  - as: sent
    metric: {namespace: AWS/SQS, name: NumberOfMessagesSent, stat: Sum, days: 7, dims: {QueueName: "=_"}}
  - {as: facts, get: sqs.GetQueueAttributes, params: {QueueUrl: "=_", AttributeNames: [All]}, on_error: [Nope]}
match: "sent[0] == `0`"
"""


def test_no_data_is_unknown(aws: Any, package: Callable[..., ModuleType]) -> None:
    boto3.client("sqs", REGION).create_queue(QueueName="quiet")
    runtime = package(FUNCTIONS)
    report = runtime.run(runbook_of(runtime), order(runtime, regions=[REGION]))
    assert [str(finding.verdict) for finding in report.findings] == ["unknown"]
    assert "no datapoint" in report.findings[0].reason


def test_a_failed_call_is_counted_and_its_item_unknown(aws: Any, package: Callable[..., ModuleType]) -> None:
    boto3.client("sqs", REGION).create_queue(QueueName="quiet")
    runtime = package(FUNCTIONS.replace('QueueUrl: "=_"', "QueueUrl: https://sqs.eu-west-1.amazonaws.com/1/gone"))
    report = runtime.run(runbook_of(runtime), order(runtime, regions=[REGION]))
    assert [str(finding.verdict) for finding in report.findings] == ["unknown"]
    assert [(error.call, error.count) for error in report.errors] == [("sqs.get_queue_attributes", 1)]


def test_the_whole_listing_can_be_named(aws: Any, package: Callable[..., ModuleType]) -> None:
    small, large = volume(aws, 1), volume(aws, 9)
    text = 'list: ec2.DescribeVolumes\nid: VolumeId\nmatch: "Size < max(_items[].Size)"\n'
    runtime = package(text)
    report = runtime.run(runbook_of(runtime), order(runtime, regions=[REGION]))
    assert [finding.id for finding in report.matches] == [small]
    assert large not in {finding.id for finding in report.findings}


def test_a_batch_of_details_is_found_by_key(aws: Any, package: Callable[..., ModuleType]) -> None:
    groups = [
        boto3.client("elbv2", REGION).create_target_group(
            Name=f"t{n}", TargetType="lambda", Tags=[{"Key": "n", "Value": str(n)}]
        )
        for n in range(3)
    ]
    text = """\
list: elbv2.DescribeTargetGroups
id: TargetGroupName
with:
  - as: tags
    batch: elbv2.DescribeTags
    param: ResourceArns
    ids: TargetGroupArn
    size: 2
    rows: TagDescriptions
    by: ResourceArn
    select: Tags
match: "tag(tags, 'n') != '1'"
"""
    runtime = package(text)
    report = runtime.run(runbook_of(runtime), order(runtime, regions=[REGION]))
    assert len(groups) == 3
    assert [finding.id for finding in report.matches] == ["t0", "t2"]


def test_the_command_lists_scans_and_says_what_is_wrong(
    aws: Any, package: Callable[..., ModuleType], capsys: pytest.CaptureFixture[str]
) -> None:
    old = volume(aws)
    runtime = package(VOLUMES)
    name = str(runtime.__package__).removesuffix("._runtime")
    as_of = ["--as-of", NOW.isoformat()]
    assert runtime.main(name, ["list"]) == 0
    assert runtime.main(name, ["old-volumes", "--region", REGION, *as_of]) == 0
    assert "0.80 USD a month" in capsys.readouterr().out
    assert runtime.main(name, ["old-volumes", "--json", "--param", "min_age_days=99", *as_of]) == 0
    assert json.loads(capsys.readouterr().out)["findings"] == []
    assert runtime.main(name, ["old-volumes", "--param", "nope=1"]) == 2
    assert runtime.main(name, ["old-volumes", "--apply"]) == 5
    assert runtime.main(name, ["nope"]) == 2
    assert "Traceback" not in capsys.readouterr().err
    assert [entry["VolumeId"] for entry in aws.describe_volumes()["Volumes"]] == [old]


def test_the_same_runbook_gives_the_same_bytes() -> None:
    runbook = load(VOLUMES, "runbook.yaml")
    texts = {compile_module(runbook, name="old-volumes", criteria=CRITERIA) for _ in range(3)}
    assert len(texts) == 1


def test_the_module_quotes_its_criteria_where_they_are_kept() -> None:
    source = compile_module(load(VOLUMES, "runbook.yaml"), name="old-volumes", criteria=CRITERIA)
    assert source.index("# AC-001") < source.index("def is_match") < source.index("# AC-002")
    assert source.index("# AC-002") < source.index("def remediate")


@pytest.mark.parametrize("text", [VOLUMES, FUNCTIONS])
def test_the_module_pleases_the_formatter_and_the_linter(text: str, tmp_path: Path) -> None:
    path = tmp_path / "module.py"
    path.write_text(compile_module(load(text, "runbook.yaml"), name="x"))
    ruff = [find_ruff_bin()]
    subprocess.run([*ruff, "format", "--isolated", "--line-length=120", "--check", str(path)], check=True)
    subprocess.run([*ruff, "check", "--isolated", "--line-length=120", str(path)], check=True)


def test_text_of_a_strangers_stays_text() -> None:
    hostile = '"""\\nimport os; os.system("id") #\u202e {name}'
    text = VOLUMES.replace("Unattached volumes", json.dumps(hostile)).replace("'on hold'", '\'\\"\\"\\"; {name}\'')
    criteria = [Criterion(id="AC-001", given="x\nimport os", when="\u202e", then='"""')]
    source = compile_module(load(text, "runbook.yaml"), name="x", criteria=criteria)
    assert "\nimport os" not in source
    assert "\u202e" not in source
    compile(source, "module.py", "exec")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("ec2.DescribeVolumes", "ec2.DescribeVolume", "no operation"),
        ("wait: snapshot_completed", "wait: snapshot_finished", "no waiter"),
        ("wait: snapshot_completed", "wait: vpc_available", "what to wait for"),
        ("list: ec2.DescribeVolumes", "list: ec2.DescribeVpcAttribute", "does not say when"),
        ("list: ec2.DescribeVolumes", "list: {op: ec2.DescribeImageAttribute}", "several lists"),
    ],
)
def test_what_aws_does_not_have_is_refused_by_name(old: str, new: str, said: str) -> None:
    with pytest.raises(InvalidInput, match=said):
        compile_module(load(VOLUMES.replace(old, new), "runbook.yaml"), name="x")


def test_the_runtime_imports_nothing_but_boto3_and_jmespath(tmp_path: Path) -> None:
    for path, content in runtime_files().items():
        (tmp_path / "alone").mkdir(exist_ok=True)
        (tmp_path / "alone" / path).write_bytes(content)
    code = "import sys, alone; print([m for m in sys.modules if m.split('.')[0] in ('phasegate', 'pydantic', 'yaml')])"
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_command_asks_the_package_s_roots_whose_approval_counts(
    aws: Any,
    package: Callable[..., ModuleType],
    approver: Approver,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    volume(aws)
    runtime = package(VOLUMES)
    folder = Path(str(runtime.__file__)).parents[1]
    report = runtime.run(runbook_of(runtime), order(runtime, regions=[REGION]))
    file = tmp_path / "approval.json"
    file.write_bytes(approver.sign(runtime, report, expires="2000-01-01T00:00:00+00:00"))
    words = ["old-volumes", "--region", REGION, "--apply", "--approval", str(file)]
    (folder / "approvers.json").write_text(approver.list.read_text())
    assert runtime.main(folder.name, words) == 5
    assert "no chain of roots" in capsys.readouterr().err
    signer = PrivateKey(approver.key)
    row = {"name": "ann", "public_key": str(signer.public), "card": "manager"}
    settings = {"managers": [row], "demo": False, "trust.threshold": 1}
    made: dict[str, Any] = {"settings": settings, "files": {}, "phases": (), "rules": {}, "system": ()}
    chain = follow([sign_root(Root(version=1, repository="r", before="", at=0, **made), signer)])
    assert list_approvers(folder / "approvers.json", chain)
    for more in ([], ["--root", "0" * 64]):
        assert runtime.main(folder.name, [*words, *more]) == 5
        assert chain.fingerprint in capsys.readouterr().err
    for more in (["--root", chain.fingerprint], []):
        assert runtime.main(folder.name, [*words, *more]) == 5
        assert "expired" in capsys.readouterr().err
