"""The forms in which criteria are written are compared with the runbook, and what is not compared is said."""

import pytest

from phasegate.core import Criterion
from phasegate.runbooks import load
from phasegate.runbooks.compiler.test_generator import compare_criteria

GROUPS = """title: Log groups without retention
list: logs.DescribeLogGroups
id: logGroupName
match: "retentionInDays == null && storedBytes > `1000`"
skip: "starts_with(logGroupName, '/audit/')"
"""
VOLUMES = """title: Volumes
list: ec2.DescribeVolumes
id: VolumeId
severity: high
where: "State == 'available'"
match: "VolumeType == 'gp2' && Size >= `100` && Encrypted == `false` && age_days(CreateTime) > `30`"
skip: "tag(@, 'keep') != null || tag(@, 'Environment') == 'prod'"
evidence: [Size]
action:
  - op: ec2.DeleteVolume
    params: {VolumeId: "=VolumeId"}
    snapshot: {op: ec2.CreateSnapshot, params: {VolumeId: "=VolumeId"}, wait: snapshot_completed}
    undo: {op: ec2.CreateVolume, params: {SnapshotId: "=snapshot.SnapshotId", AvailabilityZone: "=AvailabilityZone"}}
    verify: gone
guard: {max_changes: 25, min_age_days: 30, protect_tags: [keep]}
"""
IDLE = """title: Idle databases
list: rds.DescribeDBInstances
id: DBInstanceIdentifier
where: "DBInstanceStatus == 'available'"
with:
  - as: connections
    metric:
      namespace: AWS/RDS
      name: DatabaseConnections
      stat: Maximum
      days: 14
      dims: {DBInstanceIdentifier: "=DBInstanceIdentifier"}
  - as: cpu
    metric:
      namespace: AWS/RDS
      name: CPUUtilization
      stat: Average
      days: 14
      dims: {DBInstanceIdentifier: "=DBInstanceIdentifier"}
match: "max(connections) == `0` && max(cpu) < `5` && BackupRetentionPeriod < `7`"
"""
BALANCERS = """title: Load balancers without listeners
list: elbv2.DescribeLoadBalancers
id: LoadBalancerArn
with:
  - {as: listeners, get: elbv2.DescribeListeners, params: {LoadBalancerArn: "=LoadBalancerArn"}, select: Listeners}
match: "length(listeners) == `0`"
"""
BUCKETS = """title: Buckets without lifecycle
list: s3.ListBuckets
id: Name
with:
  - as: rules
    get: s3.GetBucketLifecycleConfiguration
    params: {Bucket: "=Name"}
    select: Rules
    on_error: [NoSuchLifecycleConfiguration]
match: "rules == null"
"""
STOPPED = """title: Instances that are stopped for long
list: {op: ec2.DescribeInstances, items: "Reservations[].Instances[]"}
id: InstanceId
where: "State.Name == 'stopped'"
with: [{as: stopped, let: "capture(StateTransitionReason, '.*\\\\((.*)\\\\)', `1`)"}]
match: "age_days(stopped) > `30`"
"""
EXPIRING = """title: Certificates that expire
list: {op: iam.ListServerCertificates, items: ServerCertificateMetadataList}
scope: {regions: global}
id: ServerCertificateName
match: "days_until(Expiration) < `20`"
"""
AGREES, DIFFERS, UNCHECKED = "agrees", "differs", "unchecked"
FOUND, MISSED = "it is found", "it is not found"


def judged(runbook: str, given: str, then: str, when: str = "the runbook runs") -> str:
    criterion = Criterion(id="AC-003", given=given, when=when, then=then)
    (compared,) = compare_criteria(load(runbook, "runbook.yaml"), [criterion])
    if compared.differs:
        assert not compared.tests
        return DIFFERS
    return UNCHECKED if compared.unread else AGREES if compared.tests else "untestable"


@pytest.mark.parametrize(
    ("runbook", "given", "verdict"),
    [
        # a name with its value
        (GROUPS, "`retentionInDays` = `30`", MISSED),
        (GROUPS, "a group whose `retentionInDays` is `30`", MISSED),
        (GROUPS, "a group with `retentionInDays` 30", MISSED),
        (GROUPS, "a group with `retentionInDays: 30`", MISSED),
        (GROUPS, "a group with a `retentionInDays` of 30", MISSED),
        (GROUPS, "a group with a retention of 30 days", MISSED),
        (VOLUMES, "a volume in state `in-use`", MISSED),
        (VOLUMES, "a volume with `VolumeType` `gp3`", MISSED),
        (VOLUMES, "a volume with `VolumeType` set to `gp2`", FOUND),
        (VOLUMES, "a volume with VolumeType=gp3", MISSED),
        (VOLUMES, 'a volume whose `State` is "error"', MISSED),
        (VOLUMES, "a volume with `Encrypted` = `true`", MISSED),
        (VOLUMES, "an encrypted volume", MISSED),
        (VOLUMES, "an unencrypted volume", FOUND),
        (VOLUMES, "a volume that is not encrypted", FOUND),
        # absent
        (GROUPS, "a group without `retentionInDays`", FOUND),
        (GROUPS, "a group whose `retentionInDays` is absent", FOUND),
        (GROUPS, "a group whose `retentionInDays` is not set", FOUND),
        (BALANCERS, "a load balancer without listeners", FOUND),
        (BALANCERS, "a load balancer without any listener", FOUND),
        (BUCKETS, "a bucket without a lifecycle configuration", FOUND),
        (IDLE, "a database without a datapoint", MISSED),
        # numbers, units and bounds
        (VOLUMES, "a volume of 99 GiB", MISSED),
        (VOLUMES, "a volume with `Size` = `100`", FOUND),
        (VOLUMES, "a volume with `Size` >= `100`", FOUND),
        (VOLUMES, "a volume with a size of less than 100 GiB", MISSED),
        (VOLUMES, "a volume with `Size` below 100", MISSED),
        (VOLUMES, "a volume of at least 100 GiB", FOUND),
        (IDLE, "an instance with an average of 4.9 percent", FOUND),
        (IDLE, "an instance that used 5 % of its processor", MISSED),
        (IDLE, "an instance that used less than 5 percent", FOUND),
        (IDLE, "an instance without connections", FOUND),
        (IDLE, "an instance with more than 0 connections", MISSED),
        (IDLE, "an instance with `DatabaseConnections` = `1`", MISSED),
        (IDLE, "an instance with a backup retention of 7 days", MISSED),
        (IDLE, "an instance with fewer than 7 days of backup retention", FOUND),
        (IDLE, "an instance without connections over the last 14 days", FOUND),
        # ages
        (VOLUMES, "a volume created more than 30 days ago", FOUND),
        (VOLUMES, "a volume created 30 days ago", MISSED),
        (VOLUMES, "a volume that is older than 30 days", FOUND),
        (VOLUMES, "a volume that is 31 days old", FOUND),
        (VOLUMES, "a 45-day-old volume", FOUND),
        (VOLUMES, "a volume younger than 30 days", MISSED),
        (VOLUMES, "a volume created less than 30 days ago", MISSED),
        (VOLUMES, "a volume created within the last 30 days", MISSED),
        (VOLUMES, "a volume created four weeks ago", MISSED),
        (VOLUMES, "a volume created 5 weeks ago", FOUND),
        (VOLUMES, "a volume created 719 hours ago", MISSED),
        (VOLUMES, "a volume with `CreateTime` 31 days ago", FOUND),
        (VOLUMES, "a volume created on 2026-11-01 and the clock at 2026-11-18 20:10 UTC", MISSED),
        (VOLUMES, "a volume created on 2026-10-01 and the clock at 2026-11-18 20:10 UTC", FOUND),
        (STOPPED, "an instance with `StateTransitionReason` = `User initiated (2026-10-01 10:00:00 GMT)`", FOUND),
        (STOPPED, "an instance with `StateTransitionReason` = `User initiated (2026-11-01 10:00:00 GMT)`", MISSED),
        (STOPPED, "an instance that was stopped 31 days ago", FOUND),
        (STOPPED, "an instance that was stopped 29 days ago", MISSED),
        (STOPPED, "a running instance", MISSED),
        (EXPIRING, "a certificate that expires in 19 days", FOUND),
        (EXPIRING, "a certificate that expires in 21 days", MISSED),
        # tags
        (VOLUMES, "a volume with the tag `keep`", MISSED),
        (VOLUMES, "a volume without the tag `keep`", FOUND),
        (VOLUMES, "an untagged volume", FOUND),
        (VOLUMES, "a volume tagged Environment=prod", MISSED),
        (VOLUMES, "a volume tagged `Environment=dev`", FOUND),
        (VOLUMES, "a volume with the tag `Environment` of the value `prod`", MISSED),
        (VOLUMES, "a volume whose tag `Environment` is not `prod`", FOUND),
        (VOLUMES, "a volume with the tag `unread`", FOUND),
        # negation
        (VOLUMES, "a volume that is not `available`", MISSED),
        (VOLUMES, "a volume whose `VolumeType` is other than `gp2`", MISSED),
        (VOLUMES, "a volume with `State` != `available`", MISSED),
        # several at once
        (VOLUMES, "a volume in state `available`, of 100 GiB, created 31 days ago", FOUND),
        (VOLUMES, "a volume in state `available`, of 99 GiB, created 31 days ago", MISSED),
        # an expression
        (GROUPS, "a resource for which `retentionInDays == null && storedBytes > `1000`` holds", FOUND),
        (GROUPS, "a resource for which `retentionInDays == null` does not hold", MISSED),
    ],
)
def test_forms_of_a_given_are_compared_with_the_runbook(runbook: str, given: str, verdict: str) -> None:
    other = MISSED if verdict == FOUND else FOUND
    assert (judged(runbook, given, verdict), judged(runbook, given, other)) == (AGREES, DIFFERS)


@pytest.mark.parametrize(
    ("runbook", "given", "then"),
    [
        (GROUPS, "a group that nobody needs", FOUND),
        (GROUPS, "a group in the colour `green`", FOUND),
        (GROUPS, "a group with 17 streams", MISSED),
        (VOLUMES, "a volume created 6 months ago", FOUND),
        (VOLUMES, "a volume created 31 days ago and detached 40 days ago", FOUND),
        (VOLUMES, "a volume created on 2026-10-01", FOUND),
        (GROUPS, "a group created 31 days ago", FOUND),
        (IDLE, "an instance without connections for 7 days", MISSED),
        (IDLE, "an instance with datapoints of 1 percent and of 8 percent", FOUND),
        (VOLUMES, "a volume with `Size`", FOUND),
        (VOLUMES, "a volume in state `available`", "it is found with its `Throughput`"),
    ],
)
def test_what_is_not_compared_is_said(runbook: str, given: str, then: str) -> None:
    assert judged(runbook, given, then) == UNCHECKED


def test_found_after_a_shorter_time_than_the_runbook_looks_at_differs() -> None:
    assert judged(IDLE, "an instance without connections for 7 days", FOUND) == DIFFERS
    assert judged(IDLE, "an instance without connections for 14 days", FOUND) == AGREES


@pytest.mark.parametrize(
    ("given", "when", "then", "expected"),
    [
        ("a volume in state `available`", "the runbook runs", "it is found with severity high", AGREES),
        ("a volume in state `available`", "the runbook runs", "it is found with severity `low`", DIFFERS),
        ("a volume in state `available`", "the runbook runs", "no finding is reported", DIFFERS),
        ("a volume in state `in-use`", "the runbook runs", "it does not appear in the report", AGREES),
        ("a volume in state `in-use`", "the runbook runs", "no finding is reported", AGREES),
        ("26 approved volumes, more than 25 in one go", "the runbook applies them", "it refuses", AGREES),
        ("30 approved volumes, too many in one go", "the runbook applies them", "it refuses", AGREES),
        ("20 approved volumes, too many in one go", "the runbook applies them", "it refuses", DIFFERS),
        ("an approved volume made 29 days ago", "the runbook applies it", "the volume stays", AGREES),
        ("an approved volume made 31 days ago", "the runbook applies it", "the volume stays", DIFFERS),
        ("an approved volume", "the runbook applies it", "it is deleted and tagged `old`", UNCHECKED),
        ("approved volumes", "the runbook applies them", "each has a completed snapshot before it is deleted", AGREES),
    ],
)
def test_severity_guards_and_changes_are_compared(given: str, when: str, then: str, expected: str) -> None:
    assert judged(VOLUMES, given, then, when) == expected


def test_what_was_not_compared_is_named_with_a_form_that_is() -> None:
    criterion = Criterion(id="AC-003", given="a green volume", when="the runbook runs", then="it is found")
    (compared,) = compare_criteria(load(VOLUMES, "runbook.yaml"), [criterion])
    assert [(part.why, part.fix) for part in compared.unread] == [
        (
            "its Given names no value that runbook.yaml judges by",
            "write it as, for instance, '`State` = `available`' or '`VolumeType` = `gp2`' or '`Size` = `100`'",
        )
    ]
