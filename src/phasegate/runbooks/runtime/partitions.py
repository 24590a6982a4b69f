"""Partitions of AWS: worlds of their own, each with its regions, its ARNs and its currency."""

AWS = "aws"
_HOMES = {
    "aws": "us-east-1",
    "aws-cn": "cn-north-1",
    "aws-us-gov": "us-gov-west-1",
    "aws-iso": "us-iso-east-1",
    "aws-iso-b": "us-isob-east-1",
    "aws-iso-e": "eu-isoe-west-1",
    "aws-iso-f": "us-isof-south-1",
    "aws-eusc": "eusc-de-east-1",
}
_PREFIXES = {
    "cn-": "aws-cn",
    "us-gov-": "aws-us-gov",
    "us-iso-": "aws-iso",
    "us-isob-": "aws-iso-b",
    "eu-isoe-": "aws-iso-e",
    "us-isof-": "aws-iso-f",
    "eusc-": "aws-eusc",
}
HOME_REGION = _HOMES[AWS]


def partition_of(region: str) -> str:
    """The partition of a region.

    >>> partition_of("us-gov-east-1"), partition_of("eu-west-1")
    ('aws-us-gov', 'aws')
    """
    return next((name for prefix, name in _PREFIXES.items() if region.startswith(prefix)), AWS)


def partition_in(arn: str) -> str | None:
    """Return the partition that an ARN names, or None where it is no ARN."""
    parts = arn.split(":")
    return parts[1] if len(parts) > 2 and parts[0] == "arn" and parts[1] else None


def home_region(partition: str) -> str:
    """Return the region in which a partition answers for the whole account."""
    return _HOMES.get(partition, HOME_REGION)


def currency(region: str) -> str:
    """Return the currency that AWS charges in."""
    return "CNY" if partition_of(region) == "aws-cn" else "USD"
