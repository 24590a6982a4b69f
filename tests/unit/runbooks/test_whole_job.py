"""What a runbook says of regions, costs, steps and times, judged against a mocked AWS account."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto import mock_aws

from phasegate.core import InvalidInput
from phasegate.runbooks import load
from phasegate.runbooks.compiler.check import Where, check
from phasegate.runbooks.compiler.codegen import compile_module
from phasegate.runbooks.compiler.iam_policy import policy
from phasegate.runbooks.language.lint import lint
from phasegate.runbooks.runtime import Cost, each_of, known, total
from phasegate.runbooks.runtime.paging import pages

NOW = datetime(2026, 11, 18, 20, 10, tzinfo=UTC)
ZONE = "eu-west-1a"


@pytest.fixture(autouse=True)
def _account(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with mock_aws():
        yield


def judged(
    text: str, tmp_path: Path, prices: dict[tuple[str, str], float] | None = None, *, now: datetime = NOW
) -> dict[str, Any]:
    """The report of a runbook on the mocked account."""
    rows = [
        {"unit": unit, "region": region, "price": price, "source": "list", "date": "2026-10-15"}
        for (unit, region), price in (prices or {}).items()
    ]
    table = tmp_path / "prices.json"
    table.write_text(json.dumps({"prices": rows}))
    return check(text, "runbook.yaml", as_of=now, where=Where(prices=table))


BUCKETS = """
scope: {regions: global}
list: s3.ListBuckets
id: Name
with:
  - {as: told, get: s3.GetBucketLocation, params: {Bucket: "=Name"}, select: LocationConstraint}
  - {as: home, let: "not_null(told, 'us-east-1')"}
  - as: bytes
    metric:
      {namespace: Buckets, name: Bytes, stat: Average, days: 3, dims: {BucketName: "=Name"}, region: "=home"}
match: "max(bytes) > `1000`"
cost: {unit: "s3:standard:gb-month", quantity: "`10`", region: "=home"}
"""


def test_a_bucket_is_measured_and_priced_in_its_own_region(tmp_path: Path) -> None:
    boto3.client("s3").create_bucket(Bucket="here")
    boto3.client("s3").create_bucket(Bucket="there", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    for name, region in (("here", "us-east-1"), ("there", "eu-west-1")):
        boto3.client("cloudwatch", region_name=region).put_metric_data(
            Namespace="Buckets",
            MetricData=[
                {
                    "MetricName": "Bytes",
                    "Dimensions": [{"Name": "BucketName", "Value": name}],
                    "Timestamp": datetime.now(UTC) - timedelta(days=1),
                    "Value": 5000.0,
                }
            ],
        )
    prices = {("s3:standard:gb-month", "us-east-1"): 0.02, ("s3:standard:gb-month", "eu-west-1"): 0.03}
    # the mocked CloudWatch drops what is older than two weeks by the machine's clock
    report = judged(BUCKETS, tmp_path, prices, now=datetime.now(UTC))
    assert {f["id"]: (f["verdict"], f["cost"]["monthly"]) for f in report["findings"]} == {
        "here": ("match", 0.2),
        "there": ("match", 0.3),
    }


def test_an_item_without_its_region_is_unknown(tmp_path: Path) -> None:
    boto3.client("s3").create_bucket(Bucket="here")
    nowhere = BUCKETS.replace('region: "=home"}\n', 'region: "=null"}\n')
    (finding,) = judged(nowhere, tmp_path)["findings"]
    assert (finding["verdict"], finding["reason"]) == (
        "unknown",
        "bytes cannot be worked out: the region to ask is not known",
    )


def test_what_is_asked_elsewhere_is_not_bound_to_the_scopes_regions() -> None:
    text = BUCKETS.replace("regions: global", "regions: [us-east-1]")
    bound = {a: "Condition" in s for s in policy(load(text, "x"))["Statement"] for a in s["Action"]}
    own = {
        a: "Condition" in s
        for s in policy(load(text.replace(', region: "=home"', ""), "x"))["Statement"]
        for a in s["Action"]
    }
    assert (bound["cloudwatch:GetMetricStatistics"], own["cloudwatch:GetMetricStatistics"]) == (False, True)


VOLUMES = """
scope: {regions: [eu-west-1]}
list: ec2.DescribeVolumes
id: VolumeId
match: "State == 'available'"
cost:
  - {unit: "ebs:{VolumeType}:gb-month", quantity: Size}
  - {unit: "ebs:{VolumeType}:iops-month", quantity: Iops, when: "VolumeType == 'io2'"}
"""
STORAGE, IOPS = ("ebs:io2:gb-month", "eu-west-1"), ("ebs:io2:iops-month", "eu-west-1")


def _volume(kind: str = "io2", **more: Any) -> None:
    boto3.client("ec2", region_name="eu-west-1").create_volume(Size=100, VolumeType=kind, AvailabilityZone=ZONE, **more)


def test_a_cost_is_the_sum_of_its_parts_and_shows_each(tmp_path: Path) -> None:
    _volume(Iops=10000)
    (finding,) = judged(VOLUMES, tmp_path, {STORAGE: 0.138, IOPS: 0.072})["findings"]
    cost = finding["cost"]
    assert (cost["monthly"], cost["note"]) == (733.8, "")
    assert [(part["quantity"], part["price"], part["monthly"]) for part in cost["parts"]] == [
        (100, 0.138, 13.8),
        (10000, 0.072, 720.0),
    ]


def test_a_sum_with_an_unknown_part_is_unknown_and_says_which(tmp_path: Path) -> None:
    _volume(Iops=10000)
    report = judged(VOLUMES, tmp_path, {STORAGE: 0.138})
    cost = report["findings"][0]["cost"]
    assert (cost["monthly"], report["unpriced"]) == (None, 1)
    assert "no price for ebs:io2:iops-month" in cost["reason"]
    assert cost["parts"][0]["monthly"] == 13.8


def test_a_part_that_does_not_apply_costs_nothing(tmp_path: Path) -> None:
    _volume("gp2")
    (finding,) = judged(VOLUMES, tmp_path, {("ebs:gp2:gb-month", "eu-west-1"): 0.1})["findings"]
    assert (finding["cost"]["monthly"], finding["cost"]["parts"][1]["quantity"]) == (10.0, 0)


def _cost(amount: float | None, per: str = "month", currency: str = "USD") -> Cost:
    monthly = None if amount is None or per == "once" else amount * (730 if per == "hour" else 1)
    return Cost(unit="u", quantity=1, amount=amount, monthly=monthly, per=per, currency=currency)


@pytest.mark.parametrize(
    ("parts", "amount", "monthly"),
    [
        ((_cost(1), _cost(2)), 3, 3),
        ((_cost(1, "hour"), _cost(2, "hour")), 3, 2190),
        ((_cost(1, "hour"), _cost(2)), 732, 732),  # of different times the month is the common one
        ((_cost(1, "once"), _cost(2, "once")), 3, None),
        ((_cost(1, "once"), _cost(2)), None, None),
        ((_cost(1), _cost(2, currency="CNY")), None, None),
        ((_cost(1), _cost(None)), None, None),
    ],
)
def test_a_total_is_known_where_all_of_it_is(
    parts: tuple[Cost, ...], amount: float | None, monthly: float | None
) -> None:
    found = total(*parts)
    assert (found.amount, found.monthly) == (amount, monthly)
    assert found.parts == parts


SERVICES = """
scope: {regions: [eu-west-1]}
list:
  - ecs.ListClusters
  - {op: ecs.ListServices, params: {cluster: "=_"}, keep: {cluster: _}, on_error: [ClusterNotFoundException]}
  - {op: ecs.DescribeServices, params: {cluster: "=cluster"}, batch: 10, param: services, ids: _, items: services}
id: serviceArn
match: "desiredCount == `0`"
"""


def test_a_refusal_is_not_taken_for_gone() -> None:
    found = lint(SERVICES.replace("ClusterNotFoundException", "AccessDeniedException"), "runbook.yaml")
    assert [(finding.rule, finding.line) for finding in found] == [("hides-failure", 5)]
    assert lint(SERVICES, "runbook.yaml") == []


def test_a_batch_cannot_tell_which_of_its_rows_is_gone() -> None:
    text = SERVICES.replace("items: services}", "items: services, on_error: [ClusterNotFoundException]}")
    with pytest.raises(InvalidInput, match="would drop every id"):
        load(text, "runbook.yaml")


JOINED = """
list: elbv2.DescribeLoadBalancers
id: LoadBalancerName
with:
  - as: tags
    list: {op: elbv2.DescribeTags, params: {ResourceArns: "=_ids"}, items: TagDescriptions}
    by: [LoadBalancerArn, ResourceArn]
    size: 7
    select: Tags
match: "tag(tags, 'owner') == null"
"""


def test_ids_of_a_join_go_out_in_groups_of_its_size() -> None:
    assert "chunks(ids, 7)" in compile_module(load(JOINED, "runbook.yaml"), name="x")
    assert [f.rule for f in lint(JOINED.replace("size: 7", "size: 21"), "runbook.yaml")] == ["batch-size"]


def test_a_size_without_ids_is_refused() -> None:
    with pytest.raises(InvalidInput, match="no parameter of the first step is =_ids"):
        load(JOINED.replace('"=_ids"', "[a]"), "runbook.yaml")


def test_times_from_now_are_written_as_asked(tmp_path: Path) -> None:
    _volume("gp2")
    text = VOLUMES.split("cost:")[0] + """evidence: ["in_days(`14`)", "in_days(`-1`, '%Y/%m/%d')"]\n"""
    (finding,) = judged(text, tmp_path)["findings"]
    assert list(finding["evidence"].values()) == ["2026-12-02", "2026/11/17"]


def test_buckets_are_listed_with_a_parameter_since_s3_tells_their_region_only_then() -> None:
    asked: list[dict[str, Any]] = []
    client = boto3.client("s3")
    client.meta.events.register("before-parameter-build.s3.ListBuckets", lambda params, **_: asked.append(dict(params)))
    list(pages(client, "list_buckets", {}))
    assert asked == [{"MaxBuckets": 1000}]


RESIZE = (Path(__file__).with_name("emitted") / "instance_resized.yaml").read_text()
IMAGES = (Path(__file__).with_name("emitted") / "image_old_with_snapshots.yaml").read_text()
UPLOADS = (Path(__file__).with_name("emitted") / "bucket_uploads_kept.yaml").read_text()


def rules(text: str) -> list[str]:
    return [finding.rule for finding in lint(text, "runbook.yaml")]


def test_a_step_that_takes_a_while_is_waited_for_or_named() -> None:
    assert rules(RESIZE) == []
    assert rules(RESIZE.replace("    wait: instance_stopped\n", "", 1)) == ["no-wait"]
    assert rules(RESIZE.replace("wait: instance_stopped\n", "wait: instance_stoped\n", 1)) == ["unknown-waiter"]


def test_a_step_without_undo_beside_others_is_named() -> None:
    without = [line for line in RESIZE.splitlines() if "undo: {op: ec2.StartInstances" not in line]
    assert rules("\n".join(without)) == ["undo-of-a-part"]


def test_the_waiter_asks_what_the_policy_allows() -> None:
    taking = 'action: {op: ec2.CreateSnapshot, params: {VolumeId: "=VolumeId"}, wait: snapshot_completed}\n'
    document = policy(load(VOLUMES + taking, "runbook.yaml"))
    assert "ec2:DescribeSnapshots" in {action for each in document["Statement"] for action in each["Action"]}


@pytest.mark.parametrize(
    ("old", "new", "rule"),
    [
        ('{SnapshotId: "=_"}', '{SnapshotId: "=_"}', []),
        ("ec2.DeleteSnapshot", "ec2.DeleteVolume", ["missing-parameter", "unknown-parameter"]),
        ('each: "BlockDeviceMappings[].Ebs.SnapshotId"', 'each: "Tags[].Value"', ["each-unbound", "action-elsewhere"]),
        ('each: "BlockDeviceMappings[].Ebs.SnapshotId"', "each: ImageId", ["action-elsewhere", "not-a-list"]),
    ],
)
def test_an_action_on_what_belongs_to_the_item_names_it(old: str, new: str, rule: list[str]) -> None:
    assert sorted(rules(IMAGES.replace(old, new))) == sorted(rule)


def test_what_undoes_a_put_where_there_was_nothing_is_said_by_when() -> None:
    assert rules(UPLOADS) == []
    put_back = UPLOADS.replace("""when: "length(rules) > `0`", """, "")
    assert rules(put_back) == ["undo-of-nothing"]


def test_an_element_that_does_not_say_what_to_change_holds_the_item_back() -> None:
    with pytest.raises(LookupError):
        known(None)
    assert [row["_"] for row in each_of({"_": "item"}, ["a", None])] == ["a"]
    assert list(each_of({"Name": "item", "Version": "1"}, [{"Version": "2"}])) == [{"Name": "item", "Version": "2"}]


@pytest.mark.parametrize(
    ("wait", "written"),
    [
        ("snapshot_completed", 'change.wait("ec2", "snapshot_completed", SnapshotIds=[field(made, "SnapshotId")])'),
        (
            '{for: snapshot_completed, params: {OwnerIds: ["=_account"]}}',
            'change.wait("ec2", "snapshot_completed", OwnerIds=[change.scan.account])',
        ),
    ],
)
def test_a_waiter_reads_the_answer_or_what_it_is_given(wait: str, written: str) -> None:
    text = VOLUMES.split("cost:")[0] + (
        f'action: {{op: ec2.CreateSnapshot, params: {{VolumeId: "=VolumeId"}}, wait: {wait}}}\n'
    )
    assert written in compile_module(load(text, "runbook.yaml"), name="x")
