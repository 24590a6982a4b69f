"""What users of other tools reported as bugs, run by our command against a local account."""

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
import yaml
from click.testing import CliRunner
from moto.moto_api._internal.models import moto_api_backend

from phasegate.cli.program import root
from phasegate.runbooks.runtime.clients import Clients
from phasegate.runbooks.runtime.sessions import own_session
from unit.runbooks.runtime.misbehaving import Rule, serving

TOP = Path(__file__).parents[3]
REGION = "eu-west-1"
IMAGE = {"RootDeviceName": "/dev/xvda", "Architecture": "x86_64"}
SPECS = yaml.safe_load((TOP / "specs/002-snapshot-unreferenced/runbook.yaml").read_text(encoding="utf-8"))
(EXAMPLE,) = (
    fence
    for fence in re.findall(r"```yaml\n(.*?)```", (TOP / "docs/runbook-language.md").read_text(encoding="utf-8"), re.S)
    if fence.startswith("list: {op: ec2.DescribeImages") and "set:" in fence
)
JOINED = """
list: elbv2.DescribeLoadBalancers
id: LoadBalancerName
with:
  - as: tags
    list: {op: elbv2.DescribeTags, params: {ResourceArns: "=_ids"}, items: TagDescriptions}
    by: [LoadBalancerArn, ResourceArn]
    select: Tags
match: "tag(tags, 'owner') == null"
"""
Client = Callable[[str], Any]


@pytest.fixture(autouse=True)
def _account(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    for name in ("AWS_PROFILE", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("MOTO_EC2_LOAD_DEFAULT_AMIS", "false")
    moto_api_backend.reset()
    yield
    moto_api_backend.reset()


def image_that_is_disabled(client: Client) -> None:
    made = client("ec2").create_snapshot(VolumeId=volume(client))["SnapshotId"]
    disk = {"DeviceName": "/dev/xvda", "Ebs": {"SnapshotId": made, "VolumeSize": 1}}
    client("ec2").register_image(Name="golden", BlockDeviceMappings=[disk], **IMAGE)


def kept_by_aws(client: Client) -> None:
    for key in ("aws:backup:source-resource", "aws:dlm:lifecycle-policy-id", "team"):
        tags = [{"ResourceType": "snapshot", "Tags": [{"Key": key, "Value": "x"}]}]
        client("ec2").create_snapshot(VolumeId=volume(client), TagSpecifications=tags)


def images_of_templates(client: Client) -> None:
    ec2 = client("ec2")
    old, new, _ = (ec2.register_image(Name=name, **IMAGE)["ImageId"] for name in ("old", "new", "unused"))
    made = ec2.create_launch_template(LaunchTemplateName="web", LaunchTemplateData={"ImageId": old})
    template = made["LaunchTemplate"]["LaunchTemplateId"]
    ec2.create_launch_template_version(LaunchTemplateId=template, LaunchTemplateData={"ImageId": new})


def many_load_balancers(client: Client) -> None:
    ec2 = client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    subnets = [
        ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.0.{number}.0/24", AvailabilityZone=f"{REGION}{zone}")
        for number, zone in enumerate("ab")
    ]
    names = [made["Subnet"]["SubnetId"] for made in subnets]
    for number in range(21):
        tags = [{"Key": "owner" if number else "team", "Value": "a"}]
        client("elbv2").create_load_balancer(Name=f"lb{number}", Subnets=names, Tags=tags)


def volume(client: Client) -> str:
    return str(client("ec2").create_volume(Size=1, AvailabilityZone=f"{REGION}a")["VolumeId"])


@pytest.mark.parametrize(
    ("book", "seed", "rules", "counts"),
    [
        pytest.param(
            SPECS,
            image_that_is_disabled,
            # two snapshots: moto makes another when an image is registered
            (
                Rule("DescribeImages", body="IncludeDisabled=true", replace=("$^", "")),
                Rule("DescribeImages", replace=("<imagesSet>.*</imagesSet>", "<imagesSet/>")),
            ),
            {"judged": 2, "match": 1, "skip": 0},
            id="a snapshot that a disabled image needs",
        ),
        pytest.param(SPECS, kept_by_aws, (), {"judged": 3, "match": 1, "skip": 2}, id="snapshots that AWS keeps"),
        pytest.param(
            yaml.safe_load(EXAMPLE),
            images_of_templates,
            (),
            {"judged": 3, "match": 1, "skip": 0},
            id="the example of the guide, images of launch templates",
        ),
        pytest.param(
            yaml.safe_load(JOINED),
            many_load_balancers,
            (Rule("DescribeTags", body="member.21", code="ValidationError"),),
            {"judged": 21, "match": 1, "unknown": 0},
            id="twenty a call",
        ),
    ],
)
def test_what_is_found(
    tmp_path: Path,
    book: dict[str, Any],
    seed: Callable[[Client], None],
    rules: tuple[Rule, ...],
    counts: dict[str, int],
) -> None:
    path = tmp_path / "runbook.yaml"
    path.write_text(yaml.safe_dump({"title": "Found", **book, "scope": {"regions": [REGION]}}, sort_keys=False))
    with serving(*rules) as aws:
        made: Any = boto3
        seed(lambda service: made.client(service, region_name=REGION, endpoint_url=aws.url))
        words = ["runbook", "check", str(path), "--json", "--endpoint-url", aws.url]
        done = CliRunner().invoke(root, words, catch_exceptions=False)
    report = json.loads(done.stdout)
    assert report["errors"] == []
    assert {name: report["counts"][name] for name in counts} == counts


def test_throttling_is_outlasted_and_accounts_share_what_botocore_reads() -> None:
    client = Clients(boto3.Session(), "http://127.0.0.1:9").get("ec2", REGION)
    assert client.meta.config.retries == {"mode": "adaptive", "total_max_attempts": 12}
    first, second = (own_session().get_component("data_loader") for _ in range(2))
    assert first is second
