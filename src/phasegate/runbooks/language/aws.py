"""Operations, pages, shapes, waiters and errors of AWS, read from botocore's service models.

Read from the models alone: no client is made, no credential or region is needed, and models of the user's own
(`~/.aws/models`) are left out, so that the same runbook gives the same answer on every machine.
"""

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property
from typing import Any

from botocore import xform_name
from botocore.exceptions import UnknownServiceError
from botocore.loaders import Loader
from botocore.model import ListShape, OperationModel, ServiceModel, Shape, StructureShape

from phasegate.core.errors import InvalidInput

_SINGULARS = (("ies", "y"), ("sses", "ss"), ("xes", "x"), ("caches", "cache"), ("ches", "ch"), ("shes", "sh"))
_UP_TO = re.compile(r"\b(?:up to|maximum of|at most) (\d{1,4})\b")


@dataclass(frozen=True, kw_only=True)
class Waiter:
    """Something botocore can wait for."""

    name: str
    """Waiter name as `client.get_waiter` takes it: `snapshot_completed`."""
    operation: str
    """The operation that it asks, such as `DescribeSnapshots`."""
    acceptors: tuple[Mapping[str, Any], ...] = field(default=(), compare=False, repr=False)
    """Botocore's conditions on an answer, each with the state that it means."""


@dataclass(frozen=True, kw_only=True)
class Operation:
    """Operation of an AWS service."""

    service: str
    """Service name as `boto3.client` takes it: `ec2`."""
    name: str
    """API name of the operation: `DescribeVolumes`."""
    model: OperationModel
    result_key: str | None
    """Path to the rows by botocore's paginator, or None where it has none."""
    waiters: tuple[Waiter, ...]
    """All of the service."""

    def __str__(self) -> str:
        """The name as a runbook writes it: `ec2.DescribeVolumes`."""
        return f"{self.service}.{self.name}"

    @cached_property
    def method(self) -> str:
        """The client's method: `describe_volumes`."""
        return str(xform_name(self.name))

    @property
    def call(self) -> str:
        """The service and the client's method, as a log and a plan name a call: `ec2.describe_volumes`."""
        return f"{self.service}.{self.method}"

    @cached_property
    def inputs(self) -> Mapping[str, Shape]:
        """Parameters by name, with their shapes."""
        return members(self.model.input_shape)

    @cached_property
    def required(self) -> tuple[str, ...]:
        """Names of the parameters that a call cannot do without."""
        return tuple(getattr(self.model.input_shape, "required_members", ()))

    def most_of(self, name: str) -> int | None:
        """Return the most values that a list parameter takes, or None where neither model nor documentation tells."""
        shape = self.inputs.get(name)
        if not isinstance(shape, ListShape):
            return None
        most = shape.metadata.get("max")
        # Many limits stand in the prose of the documentation alone.
        said = _UP_TO.search(str(shape.documentation))
        return int(most) if most else int(said[1]) if said else None

    @property
    def output(self) -> StructureShape | None:
        """Shape of the answer, or None where there is none."""
        return self.model.output_shape

    @cached_property
    def errors(self) -> tuple[str, ...]:
        """Codes of the errors that the model declares. EC2 declares none, S3 few."""
        return tuple(str(getattr(error, "error_code", error.name)) for error in self.model.error_shapes)

    @cached_property
    def rows_key(self) -> str | None:
        """JMESPath to the rows of a step without `items`, or None where the step has to say it.

        The paginator's result key, or else the one list among the members of the answer.
        """
        if self.result_key:
            return self.result_key
        # Several lists are a question to the author: guessing one would list the wrong thing without an error.
        lists = [name for name, shape in members(self.output).items() if isinstance(shape, ListShape)]
        return lists[0] if len(lists) == 1 else None

    @cached_property
    def row(self) -> Shape | None:
        """Shape of one row under `rows_key`, a structure or a plain value, or None where unknown."""
        shape: Shape | None = self.output
        for name in (self.rows_key or "").split("."):
            shape = members(shape).get(name)
        return shape.member if isinstance(shape, ListShape) else shape


@cache
def services() -> tuple[str, ...]:
    """Every service that botocore knows, sorted."""
    return tuple(sorted(_loader().list_available_services("service-2")))


@cache
def operations(service: str) -> tuple[str, ...]:
    """Return the names of a service's operations, sorted.

    Raises:
        InvalidInput: botocore knows no such service.
    """
    return tuple(sorted(_service(service).operation_names))


@cache
def operation(name: str) -> Operation:
    """The operation that a runbook calls `ec2.DescribeVolumes`.

    Raises:
        InvalidInput: the name is not of that form, or botocore knows no such service or operation;
            `fix` offers the nearest that exists.
    """
    service, dot, wanted = name.partition(".")
    if not (service and dot and wanted):
        raise InvalidInput(f"{name!r} is no operation", fix="write service.Operation, such as ec2.DescribeVolumes")
    model = _service(service)
    if wanted not in model.operation_names:
        fix = suggest(wanted, operations(service), f"{service}.")
        raise InvalidInput(f"{service} has no operation {wanted!r}", fix=fix)
    return Operation(
        service=service,
        name=wanted,
        model=model.operation_model(wanted),
        result_key=_result_keys(service).get(wanted),
        waiters=waiters(service),
    )


@cache
def waiters(service: str) -> tuple[Waiter, ...]:
    """Return the waiters of a service, sorted by name."""
    found = _optional(service, "waiters-2").get("waiters", {})
    return tuple(sorted((_waiter(name, entry) for name, entry in found.items()), key=lambda waiter: waiter.name))


def _waiter(name: str, entry: Mapping[str, Any]) -> Waiter:
    return Waiter(name=str(xform_name(name)), operation=str(entry["operation"]), acceptors=tuple(entry["acceptors"]))


@cache
def regions() -> frozenset[str]:
    """Every region that botocore knows, in all partitions."""
    partitions = _loader().load_data("endpoints")["partitions"]
    return frozenset(region for partition in partitions for region in partition["regions"])


@cache
def is_global(service: str) -> bool:
    """Return whether the service answers for the whole account from one endpoint, as IAM does."""
    for partition in _loader().load_data("endpoints")["partitions"]:
        found = partition["services"].get(_service(service).endpoint_prefix, {})
        if found.get("isRegionalized") is False:
            return True
    return False


def suggest(wrong: str, known: Sequence[str], prefix: str = "") -> str:
    """The fix for a misspelt name: `did you mean ec2.DescribeVolumes?`, or what there is if it is short."""
    folded = {name.lower(): name for name in known}
    near = [folded[name] for name in difflib.get_close_matches(wrong.lower(), folded, n=3, cutoff=0.6)]
    if near:
        return f"did you mean {' or '.join(prefix + name for name in near)}?"
    return f"there are {', '.join(sorted(known))}" if 0 < len(known) <= 12 else "look it up in the AWS API reference"


def singular(name: str) -> str:
    """Return the singular of a noun of AWS's, in lower case.

    >>> [singular(name) for name in ("addresses", "policies", "volumes", "bus", "db_instances")]
    ['address', 'policy', 'volume', 'bus', 'db_instance']
    """
    for ending, replacement in _SINGULARS:
        if name.endswith(ending):
            return name.removesuffix(ending) + replacement
    return name[:-1] if name.endswith("s") and not name.endswith(("ss", "us", "is")) else name


def members(shape: Any) -> Mapping[str, Shape]:
    """Return the members of a structure, and none of anything else."""
    return shape.members if isinstance(shape, StructureShape) else {}


@cache
def _loader() -> Loader:
    # Without the default paths: a user's own models would make the same file compile differently.
    return Loader(extra_search_paths=[Loader.BUILTIN_DATA_PATH], include_default_search_paths=False)


@cache
def _service(service: str) -> ServiceModel:
    try:
        return ServiceModel(_loader().load_service_model(service, "service-2"), service)
    except UnknownServiceError as error:
        raise InvalidInput(f"there is no AWS service {service!r}", fix=suggest(service, services())) from error


@cache
def _result_keys(service: str) -> Mapping[str, str]:
    """Return the path to the rows of each operation that has a paginator, of several the primary one."""
    pages = _optional(service, "paginators-1").get("pagination", {})
    found = {name: entry["result_key"] for name, entry in pages.items()}
    return {name: key if isinstance(key, str) else key[0] for name, key in found.items()}


@cache
def _optional(service: str, kind: str) -> Mapping[str, Any]:
    """A model file that not every service has."""
    try:
        found: Mapping[str, Any] = _loader().load_service_model(service, kind)
    except UnknownServiceError:
        return {}
    return found
