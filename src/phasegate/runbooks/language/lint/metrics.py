"""CloudWatch metrics: botocore does not know them, so what is known here is only good for a warning."""

import difflib
import re

from phasegate.core.findings import Severity
from phasegate.runbooks.language import aws
from phasegate.runbooks.language.lint import calls, expressions
from phasegate.runbooks.language.lint.source import Node, Report
from phasegate.runbooks.language.lint.types import Type

_STATISTICS = ("Average", "Sum", "Minimum", "Maximum", "SampleCount")
_PERCENTILE = re.compile(r"(p|tm|tc|ts|wm)\d{1,2}(\.\d+)?|iqm")
_SHORT_PERIODS = (1, 5, 10, 20, 30)

_DIMENSIONS = {
    "AWS/ApiGateway": ("ApiName", "ApiId", "Stage", "Method", "Resource"),
    "AWS/ApplicationELB": ("LoadBalancer", "TargetGroup", "AvailabilityZone"),
    "AWS/AutoScaling": ("AutoScalingGroupName",),
    "AWS/CloudFront": ("DistributionId", "Region"),
    "AWS/DynamoDB": ("TableName", "GlobalSecondaryIndexName", "Operation", "ReceivingRegion", "StreamLabel"),
    "AWS/EBS": ("VolumeId",),
    "AWS/EC2": ("InstanceId", "ImageId", "InstanceType", "AutoScalingGroupName"),
    "AWS/ECS": ("ClusterName", "ServiceName"),
    "AWS/EFS": ("FileSystemId", "StorageClass"),
    "AWS/ELB": ("LoadBalancerName", "AvailabilityZone"),
    "AWS/ES": ("DomainName", "ClientId", "NodeId"),
    "AWS/ElastiCache": ("CacheClusterId", "CacheNodeId", "ReplicationGroupId"),
    "AWS/Firehose": ("DeliveryStreamName",),
    "AWS/Kinesis": ("StreamName", "ShardId"),
    "AWS/Lambda": ("FunctionName", "Resource", "ExecutedVersion"),
    "AWS/Logs": ("LogGroupName", "DestinationType", "FilterName"),
    "AWS/NATGateway": ("NatGatewayId",),
    "AWS/NetworkELB": ("LoadBalancer", "TargetGroup", "AvailabilityZone"),
    "AWS/RDS": ("DBInstanceIdentifier", "DBClusterIdentifier", "DatabaseClass", "EngineName", "Role"),
    "AWS/Redshift": ("ClusterIdentifier", "NodeID"),
    "AWS/S3": ("BucketName", "StorageType", "FilterId"),
    "AWS/SNS": ("TopicName",),
    "AWS/SQS": ("QueueName",),
    "AWS/SageMaker": ("EndpointName", "VariantName"),
    "AWS/States": ("StateMachineArn",),
    "AWS/TransitGateway": ("TransitGateway", "TransitGatewayAttachment"),
    "AWS/VPN": ("VpnId", "TunnelIpAddress"),
}

_BALANCER = ("RequestCount", "ActiveConnectionCount", "NewConnectionCount", "ProcessedBytes", "HealthyHostCount")
_NAMES = {
    "AWS/ApplicationELB": _BALANCER,
    "AWS/DynamoDB": ("ConsumedReadCapacityUnits", "ConsumedWriteCapacityUnits", "ThrottledRequests", "UserErrors"),
    "AWS/EBS": ("VolumeReadOps", "VolumeWriteOps", "VolumeReadBytes", "VolumeWriteBytes", "VolumeIdleTime"),
    "AWS/EC2": ("CPUUtilization", "NetworkIn", "NetworkOut", "NetworkPacketsIn", "NetworkPacketsOut", "DiskReadOps"),
    "AWS/ECS": ("CPUUtilization", "MemoryUtilization", "CPUReservation", "MemoryReservation"),
    "AWS/ELB": ("RequestCount", "HealthyHostCount", "EstimatedProcessedBytes", "EstimatedALBNewConnectionCount"),
    "AWS/ElastiCache": ("CPUUtilization", "CurrConnections", "NewConnections", "CacheHits", "CacheMisses"),
    "AWS/Lambda": ("Invocations", "Errors", "Throttles", "Duration", "ConcurrentExecutions"),
    "AWS/Logs": ("IncomingBytes", "IncomingLogEvents"),
    "AWS/NATGateway": (
        "BytesOutToDestination",
        "BytesInFromSource",
        "ActiveConnectionCount",
        "PacketsOutToDestination",
    ),
    "AWS/NetworkELB": ("ActiveFlowCount", "NewFlowCount", "ProcessedBytes", "HealthyHostCount"),
    "AWS/RDS": ("CPUUtilization", "DatabaseConnections", "FreeStorageSpace", "ReadIOPS", "WriteIOPS"),
    "AWS/Redshift": ("CPUUtilization", "DatabaseConnections", "PercentageDiskSpaceUsed"),
    "AWS/S3": ("BucketSizeBytes", "NumberOfObjects", "AllRequests"),
    "AWS/SQS": ("NumberOfMessagesSent", "NumberOfMessagesReceived", "ApproximateNumberOfMessagesVisible"),
}
"""The metrics that runbooks ask for most; a name that nearly is one of them is taken for a slip."""


def check_metric(report: Report, node: Node, current: Type) -> None:
    """Check a `metric` entry of `with`."""
    for key in ("namespace", "name", "stat", "days"):
        if node.get(key) is None:
            report.add("metric", Severity.high, node, f"the metric has no {key!r}", f"add {key}: …")
    _namespace(report, node)
    _name(report, node)
    _statistic(report, node)
    _window(report, node)
    _dimensions(report, node, current)


def _namespace(report: Report, node: Node) -> None:
    written = node.text("namespace")
    if written in _DIMENSIONS or not written:
        return
    # Custom namespaces are free text, so only a near miss of a known one is told.
    near = difflib.get_close_matches(written.lower(), [name.lower() for name in _DIMENSIONS], n=1, cutoff=0.85)
    if near or written.startswith("AWS:"):
        fix = aws.suggest(written, tuple(_DIMENSIONS))
        report.add("metric-namespace", Severity.medium, node.value["namespace"], f"{written!r} looks misspelt", fix)


def _name(report: Report, node: Node) -> None:
    written, known = node.text("name"), _NAMES.get(node.text("namespace"), ())
    # Only a near miss is told: the table is far from all of CloudWatch's metrics.
    if written not in known and difflib.get_close_matches(written, known, n=1, cutoff=0.85):
        message = f"{written!r} looks misspelt"
        report.add("metric-name", Severity.medium, node.value["name"], message, aws.suggest(written, known))


def _statistic(report: Report, node: Node) -> None:
    written = node.text("stat")
    if written and written not in _STATISTICS and not _PERCENTILE.fullmatch(written):
        fix = aws.suggest(written, _STATISTICS)
        report.add("metric", Severity.high, node.value["stat"], f"CloudWatch has no statistic {written!r}", fix)


def _window(report: Report, node: Node) -> None:
    days, period = node.get("days"), node.get("period")
    if days and not _positive(days.value) and not _computed(days.value):
        report.add("metric", Severity.high, days, f"{days.raw!r} is no number of days", "write a number above 0")
    if period is None or period.value is None or _computed(period.value):
        return
    value = period.value
    # Below a minute CloudWatch has these periods alone, for metrics of high resolution.
    if not _positive(value) or (value not in _SHORT_PERIODS and value % 60):
        fix = "write seconds: a multiple of 60, or leave it out for one datapoint over the whole window"
        report.add("metric", Severity.high, period, f"{period.raw!r} is no period that CloudWatch keeps", fix)


def _positive(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value > 0


def _computed(value: object) -> bool:
    return isinstance(value, str) and value.startswith("=")


def _dimensions(report: Report, node: Node, current: Type) -> None:
    known = _DIMENSIONS.get(node.text("namespace"))
    for name, value in node.items("dims").items():
        if known and name not in known:
            message = f"{node.text('namespace')} is not known to have the dimension {name!r}"
            report.add("metric-dimension", Severity.medium, value, message, aws.suggest(name, known), about=name)
        if _computed(value.value):
            expressions.check(report, value, current, text=value.value[1:])
        elif isinstance(value.value, str) and calls.missing_equals(name, value.value, current):
            message = f"the dimension {name!r} is the text {value.value!r} as it stands"
            report.add("missing-equals", Severity.high, value, message, f'write {name}: "={value.value}"')
