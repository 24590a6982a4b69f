import pytest

from phasegate.core import InvalidInput
from phasegate.runbooks.language import aws


def test_an_operation_with_a_paginator_says_how_its_pages_are_read() -> None:
    volumes = aws.operation("ec2.DescribeVolumes")

    assert volumes.method == "describe_volumes"
    assert str(volumes) == "ec2.DescribeVolumes"
    assert volumes.result_key == "Volumes"
    assert volumes.row is not None
    assert volumes.row.name == "Volume"


@pytest.mark.parametrize(
    ("name", "key", "row"),
    [
        ("ec2.DescribeInstances", "Reservations", "Reservation"),  # nested: the paginator's key, not the instances
        ("s3.ListBuckets", "Buckets", "Bucket"),
        ("ecs.ListClusters", "clusterArns", "String"),  # plain values
        ("ec2.DescribeKeyPairs", "KeyPairs", "KeyPairInfo"),  # no paginator: the one list
        ("ecs.DescribeServices", None, "DescribeServicesResponse"),  # two lists: only `items` can say
        ("cloudfront.ListDistributions", "DistributionList.Items", "DistributionSummary"),  # a path
    ],
)
def test_rows_stand_under_the_result_key_or_the_one_list(name: str, key: str | None, row: str) -> None:
    operation = aws.operation(name)

    assert operation.rows_key == key
    if key:
        assert operation.row is not None
        assert operation.row.name == row
    else:
        assert operation.row is None


def test_inputs_required_members_and_errors_come_from_the_model() -> None:
    delete = aws.operation("rds.DeleteDBInstance")

    assert delete.required == ("DBInstanceIdentifier",)
    assert delete.inputs["SkipFinalSnapshot"].type_name == "boolean"
    assert "InvalidDBInstanceState" in delete.errors


@pytest.mark.parametrize(
    ("name", "message", "fix"),
    [
        ("ec2.DescribeVolume", "no operation 'DescribeVolume'", "ec2.DescribeVolumes"),
        ("ec2.describevolumes", "no operation", "ec2.DescribeVolumes"),  # case is no excuse, and no obstacle
        ("ec3.DescribeVolumes", "no AWS service 'ec3'", "ec2"),
        ("DescribeVolumes", "is no operation", "service.Operation"),
    ],
)
def test_an_unknown_name_is_answered_with_the_nearest(name: str, message: str, fix: str) -> None:
    with pytest.raises(InvalidInput, match=message) as caught:
        aws.operation(name)

    assert fix in caught.value.fix


def test_a_waiter_knows_the_answers_that_end_it() -> None:
    (waiter,) = (each for each in aws.waiters("ec2") if each.name == "snapshot_completed")
    assert {accept["state"]: accept["expected"] for accept in waiter.acceptors} == {
        "success": "completed",
        "failure": "error",
    }


def test_waiters_regions_and_global_services() -> None:
    assert aws.Waiter(name="snapshot_completed", operation="DescribeSnapshots") in aws.waiters("ec2")
    assert aws.waiters("accessanalyzer") == ()
    assert {"us-east-1", "eu-west-1", "cn-north-1"} <= aws.regions()
    assert aws.is_global("iam")
    assert not aws.is_global("ec2")
    assert not aws.is_global("s3")
