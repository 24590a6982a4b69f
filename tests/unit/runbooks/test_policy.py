import json
from pathlib import Path

import pytest

from phasegate.runbooks.compiler.iam_policy import explain, policy
from phasegate.runbooks.language import aws
from phasegate.runbooks.language.iam_actions import action, actions, is_change, is_destructive
from phasegate.runbooks.language.model import Runbook, load

VALID = sorted((Path(__file__).parent / "valid").glob("*.yaml"))


def runbook(name: str) -> Runbook:
    path = Path(__file__).parent / "valid" / f"{name}.yaml"
    return load(path.read_text(encoding="utf-8"), path.name)


def written(text: str) -> Runbook:
    return load(text, "runbook.yaml")


@pytest.mark.parametrize(
    ("operation", "names"),
    [
        ("ec2.DescribeVolumes", ["ec2:DescribeVolumes"]),  # the rule: the same name
        ("elbv2.DescribeLoadBalancers", ["elasticloadbalancing:DescribeLoadBalancers"]),  # the service's other name
        ("cloudwatch.GetMetricStatistics", ["cloudwatch:GetMetricStatistics"]),  # signs as monitoring
        ("efs.DeleteFileSystem", ["elasticfilesystem:DeleteFileSystem"]),
        ("s3.ListBuckets", ["s3:ListAllMyBuckets"]),
        ("s3.HeadBucket", ["s3:ListBucket"]),
        ("s3.GetBucketLifecycleConfiguration", ["s3:GetLifecycleConfiguration"]),
        ("s3.DeleteBucketLifecycle", ["s3:PutLifecycleConfiguration"]),  # a removal is guarded as a change is
        ("s3.GetBucketEncryption", ["s3:GetEncryptionConfiguration"]),
        ("s3.GetPublicAccessBlock", ["s3:GetBucketPublicAccessBlock"]),
        ("apigateway.DeleteRestApi", ["apigateway:DELETE"]),  # by HTTP method
        ("lambda.Invoke", ["lambda:InvokeFunction"]),
        ("sts.GetCallerIdentity", []),  # needs no permission
    ],
)
def test_an_operation_needs_its_actions(operation: str, names: list[str]) -> None:
    assert [str(needed) for needed in actions(operation)] == names


def test_nearly_every_operation_of_s3_and_the_common_services_is_an_action_that_iam_knows() -> None:
    common = (
        "s3",
        "ec2",
        "rds",
        "iam",
        "lambda",
        "ecs",
        "kms",
        "logs",
        "elbv2",
        "autoscaling",
        "cloudwatch",
        "apigateway",
    )
    names = [f"{service}.{name}" for service in common for name in aws.operations(service)]

    known = [name for name in names if all(needed.levels for needed in actions(name))]
    assert len(known) / len(names) > 0.96


@pytest.mark.parametrize(
    ("operation", "changes", "destroys"),
    [
        ("ec2.DescribeVolumes", False, False),
        ("iam.GenerateCredentialReport", False, False),  # the verb lies, the access level does not
        ("ec2.CreateSnapshot", True, False),
        ("ec2.StopInstances", True, False),
        ("ec2.DeleteTags", True, False),  # tags can be set again
        ("ec2.DeleteVolume", True, True),
        ("ec2.TerminateInstances", True, True),
        ("ec2.ReleaseAddress", True, True),
        ("kms.ScheduleKeyDeletion", True, True),
        ("ecr.BatchDeleteImage", True, True),
        ("s3.DeleteObjects", True, True),
        ("sqs.PurgeQueue", True, True),
        ("lambda.DeleteDurableExecution", True, True),  # IAM's data knows it not: by the verb
        ("ecr.ListImageReferrers", False, False),  # nor this
    ],
)
def test_access_levels_say_what_changes_and_verbs_what_destroys(operation: str, changes: bool, destroys: bool) -> None:
    assert (is_change(operation), is_destructive(operation)) == (changes, destroys)


def test_reading_snapshot_change_and_undo_are_statements_of_their_own() -> None:
    assert policy(runbook("unattached-ebs-volumes")) == {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": "Read",
                "Effect": "Allow",
                "Action": ["ec2:DescribeRegions", "ec2:DescribeSnapshots", "ec2:DescribeVolumes"],
                "Resource": "*",
            },
            {
                "Sid": "Snapshot",
                "Effect": "Allow",
                "Action": ["ec2:CreateSnapshot"],
                "Resource": ["arn:aws:ec2:*:*:volume/*", "arn:aws:ec2:*::snapshot/*"],
            },
            {
                "Sid": "Change",
                "Effect": "Allow",
                "Action": ["ec2:DeleteVolume"],
                "Resource": ["arn:aws:ec2:*:*:volume/*"],
                "Condition": {
                    "Null": {
                        "aws:ResourceTag/aws:cloudformation:stack-name": "true",
                        "aws:ResourceTag/keep": "true",
                    }
                },
            },
            {
                "Sid": "Undo",
                "Effect": "Allow",
                "Action": ["ec2:CreateVolume"],
                "Resource": ["arn:aws:ec2:*:*:volume/*", "arn:aws:ec2:*::snapshot/*"],
            },
            {
                "Sid": "Undo2",
                "Effect": "Allow",
                "Action": [
                    "kms:CreateGrant",
                    "kms:Decrypt",
                    "kms:DescribeKey",
                    "kms:GenerateDataKeyWithoutPlaintext",
                    "kms:ReEncryptFrom",
                    "kms:ReEncryptTo",
                ],
                "Resource": ["arn:aws:kms:*:*:key/*"],
                "Condition": {"StringLike": {"kms:ViaService": "ec2.*"}},
            },
        ],
    }


def test_named_regions_are_a_condition_and_one_region_stands_in_the_arn() -> None:
    text = "scope: {regions: [eu-west-1]}\nlist: lambda.ListFunctions\nid: FunctionArn\nmatch: FunctionArn\n" + (
        'with: [{as: t, get: lambda.ListTags, params: {Resource: "=FunctionArn"}}]\n'
    )
    functions, tags = policy(written(text))["Statement"]

    assert functions["Action"] == ["lambda:ListFunctions"]
    assert functions["Condition"] == {"StringEquals": {"aws:RequestedRegion": ["eu-west-1"]}}
    assert tags["Resource"] == ["arn:aws:lambda:eu-west-1:*:function:*"]
    assert policy(written(text.replace("eu-west-1", "cn-north-1")))["Statement"][1]["Resource"] == [
        "arn:aws-cn:lambda:cn-north-1:*:function:*"
    ]


def test_what_answers_for_the_account_is_bound_to_no_region() -> None:
    text = "scope: {regions: [eu-west-1]}\nlist: s3.ListBuckets\nid: Name\nmatch: Name\n"

    assert "Condition" not in policy(written(text))["Statement"][0]


def test_other_accounts_and_roles_and_tags_need_their_own_permissions() -> None:
    text = """
list: lambda.ListFunctions
scope: {accounts: ["123456789012"], regions: global}
id: FunctionName
match: FunctionName
action:
  op: lambda.UpdateFunctionConfiguration
  params: {FunctionName: "=FunctionName", Role: x}
  snapshot: {op: ec2.CreateSnapshot, params: {VolumeId: x, TagSpecifications: []}, wait: snapshot_completed}
"""
    found = policy(written(text))["Statement"]
    names = {name for statement in found for name in statement["Action"]}

    assert {"sts:AssumeRole", "iam:PassRole", "ec2:CreateTags", "ec2:DescribeSnapshots"} <= names
    (assume,) = [statement for statement in found if statement["Action"] == ["sts:AssumeRole"]]
    assert assume["Resource"] == [
        "arn:aws:iam::123456789012:role/PhasegateChange",
        "arn:aws:iam::123456789012:role/PhasegateReadOnly",
    ]


@pytest.mark.parametrize("path", VALID, ids=lambda path: path.stem)
def test_every_valid_runbook_has_a_policy_of_known_actions_and_unique_sids(path: Path) -> None:
    document = policy(load(path.read_text(encoding="utf-8"), path.name))
    statements = document["Statement"]

    assert json.dumps(document) == json.dumps(policy(load(path.read_text(encoding="utf-8"), path.name)))
    assert all(action(name).levels for statement in statements for name in statement["Action"])
    assert len({statement["Sid"] for statement in statements}) == len(statements)
    assert len(explain(document)) == len(statements)


def test_the_policy_is_said_in_plain_words() -> None:
    read, snapshot, change, undo, key = explain(policy(runbook("unattached-ebs-volumes")))

    assert read.startswith("To look, it may ")
    assert "`ec2:DescribeVolumes`" in read
    assert "any EC2 volume" in snapshot
    assert "never on what carries the tag `aws:cloudformation:stack-name` or `keep`" in change
    assert undo.startswith("To undo it, it may create")
    assert key.endswith("on any KMS key, through EC2 alone, for encrypted volumes.")


def test_what_is_tagged_is_what_is_made_and_nothing_else() -> None:
    text = """
list: ec2.DescribeVolumes
scope: {accounts: organization}
id: VolumeId
match: "State == 'available'"
"""
    (assume,) = [s for s in policy(written(text))["Statement"] if "sts:AssumeRole" in s["Action"]]
    assert assume["Resource"] == ["arn:aws:iam::*:role/PhasegateReadOnly"]
    acting = """
action:
  op: ec2.DeleteVolume
  params: {VolumeId: "=VolumeId"}
  undo: {op: ec2.CreateVolume, params: {SnapshotId: x, AvailabilityZone: x, TagSpecifications: []}}
guard: {max_changes: 1}
"""
    tagging = [s for s in policy(written(text + acting))["Statement"] if "ec2:CreateTags" in s["Action"]]
    assert [s["Resource"] for s in tagging] == [["arn:aws:ec2:*:*:volume/*"]]


@pytest.mark.parametrize(
    ("region", "partition"), [("us-gov-west-1", "aws-us-gov"), ("cn-north-1", "aws-cn"), ("us-iso-east-1", "aws-iso")]
)
def test_arns_are_of_the_partition_of_the_regions(region: str, partition: str) -> None:
    text = f"""
list: ec2.DescribeVolumes
scope: {{accounts: ["123456789012"], regions: [{region}]}}
id: VolumeId
match: "State == 'available'"
"""
    (assume,) = [s for s in policy(written(text))["Statement"] if s["Action"] == ["sts:AssumeRole"]]
    assert assume["Resource"] == [f"arn:{partition}:iam::123456789012:role/PhasegateReadOnly"]
