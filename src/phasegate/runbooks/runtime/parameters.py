"""Check of a call's parameters against botocore's models and known refusals."""

from collections.abc import Iterator, Mapping
from typing import Any

from botocore.validate import ParamValidator

from .paging import model_of

_NEEDS_IOPS = {"io1", "io2"}
_TAKES_IOPS = {*_NEEDS_IOPS, "gp3"}
_TAKES_THROUGHPUT = {"gp3"}


def problems(client: Any, operation: str, params: Mapping[str, Any]) -> list[str]:
    """Each parameter that is of the wrong type, outside its values or its range, or that another one rules out.

    A missing one is none: it may come of a snapshot that is not taken yet.
    """
    model = model_of(client, operation)
    name, shape = model.name, model.input_shape
    if shape is None:
        return []
    report = ParamValidator().validate(dict(params), shape).generate_report()
    wrong = [line for line in report.splitlines() if line and "Missing required parameter" not in line]
    return [*wrong, *_outside(shape, params, ""), *_reserved(name, params), *_unlike(name, params)]


def _outside(shape: Any, value: Any, path: str) -> Iterator[str]:
    """Yield values that are not in their enumeration, since botocore itself checks only numbers and lengths."""
    if shape.type_name == "structure" and isinstance(value, Mapping):
        for name, member in shape.members.items():
            if name in value:
                yield from _outside(member, value[name], f"{path}.{name}" if path else name)
    elif shape.type_name == "list" and isinstance(value, list):
        for entry in value:
            yield from _outside(shape.member, entry, path)
    elif shape.type_name == "string" and getattr(shape, "enum", ()) and value not in shape.enum:
        yield f"{path} is {value!r}, which is not among {', '.join(shape.enum[:6])}"
    elif shape.type_name in ("integer", "long", "float", "double"):
        most = shape.metadata.get("max")
        if most is not None and isinstance(value, int | float) and value > most:
            yield f"{path} is {value}, and at most {most}"


def _reserved(operation: str, params: Mapping[str, Any]) -> Iterator[str]:
    """Yield tags that AWS alone may set or take away."""
    # Elsewhere a tag is a condition, and may well be one that AWS set.
    if not operation.startswith(("Add", "Copy", "Create", "Delete", "Put", "Remove", "Run", "Tag", "Untag")):
        return
    given = [params.get("Tags"), *(each.get("Tags") for each in params.get("TagSpecifications") or ())]
    for tag in (entry for tags in given if isinstance(tags, list) for entry in tags if isinstance(entry, Mapping)):
        if str(tag.get("Key", "")).startswith("aws:"):
            yield f"the tag {tag['Key']} is one that AWS alone sets"


def _unlike(operation: str, params: Mapping[str, Any]) -> Iterator[str]:
    """Yield pairs of values that the service refuses and no model tells."""
    if operation != "CreateVolume":
        return
    kind = params.get("VolumeType", "gp2")
    if "Iops" in params and kind not in _TAKES_IOPS:
        yield f"a volume of type {kind} takes no Iops"
    if "Iops" not in params and kind in _NEEDS_IOPS:
        yield f"a volume of type {kind} needs Iops"
    if "Throughput" in params and kind not in _TAKES_THROUGHPUT:
        yield f"a volume of type {kind} takes no Throughput"
