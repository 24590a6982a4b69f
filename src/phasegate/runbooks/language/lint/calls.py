"""Calls of AWS: does botocore know the operation, its parameters and its rows?"""

from collections.abc import Sequence

from botocore.model import ListShape, MapShape, Shape, StructureShape

from phasegate.core.errors import InvalidInput
from phasegate.core.findings import Severity
from phasegate.runbooks.language import aws
from phasegate.runbooks.language.lint import expressions
from phasegate.runbooks.language.lint.source import Node, Report
from phasegate.runbooks.language.lint.types import ANYTHING, Anything, Many, Plain, Record, Type, described, of

_WRITTEN_AS: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "blob": (str,),
    "boolean": (bool,),
    "integer": (int,),
    "long": (int,),
    "float": (int, float),
    "double": (int, float),
}


def operation(report: Report, node: Node) -> aws.Operation | None:
    """Return the operation named at a node, or None and a finding where botocore knows none."""
    try:
        return aws.operation(str(node.value))
    except InvalidInput as error:
        report.add("unknown-operation", Severity.high, node, str(error), error.fix)
        return None


def call(report: Report, node: Node, outer: Type, *, given: Sequence[str] = ()) -> aws.Operation | None:
    """Check a call written as `service.Operation` or `{op, params, …}`.

    Args:
        report: takes the findings.
        node: where the call stands.
        outer: what expressions in its parameters are read from.
        given: names of parameters that something else fills in.
    """
    named = node.get("op") or node
    if not isinstance(named.value, str):
        report.add("no-operation", Severity.high, node, "the call names no operation", "add op: service.Operation")
        return None
    found = operation(report, named)
    if found:
        parameters(report, found, node, outer, given=given)
    return found


def parameters(report: Report, found: aws.Operation, node: Node, outer: Type, *, given: Sequence[str] = ()) -> None:
    """Check the `params` of a call against the operation's input."""
    written = node.items("params")
    for name in given:
        # `param` of a batch is filled in by the runtime, so it is not among the written ones.
        if name not in found.inputs:
            _unknown_parameter(report, found, node.get("param") or node, name)
    for name, value in written.items():
        if name in found.inputs:
            _value(report, value, found.inputs[name], outer, name)
        else:
            _unknown_parameter(report, found, value, name)
    for name in found.required:
        if name not in written and name not in given:
            message = f"{found} needs the parameter {name!r}"
            report.add("missing-parameter", Severity.high, node, message, f'add it under params, as in {name}: "=…"')


def _unknown_parameter(report: Report, found: aws.Operation, node: Node, name: str) -> None:
    fix = aws.suggest(name, list(found.inputs))
    report.add("unknown-parameter", Severity.high, node, f"{found} has no parameter {name!r}", fix, about=name)


def _value(report: Report, node: Node, shape: Shape, outer: Type, name: str) -> None:
    """Check a parameter's value against its shape, and strings that start with = as expressions."""
    if isinstance(node.value, str) and node.value.startswith("="):
        _computed(report, node, shape, expressions.check(report, node, outer, text=node.value[1:]), name)
    elif isinstance(shape, StructureShape):
        _structure(report, node, shape, outer, name)
    elif isinstance(shape, ListShape):
        _each(report, node, shape, outer, name)
    elif isinstance(shape, MapShape):
        for value in node.items().values():
            _value(report, value, shape.value, outer, name)
        if not isinstance(node.value, dict):
            _wrong_type(report, node, name, "a map")
    else:
        _scalar(report, node, shape, outer, name)


def _computed(report: Report, node: Node, shape: Shape, found: Type, name: str) -> None:
    # What is not known is not told: a false alarm would teach people to ignore the lint.
    if isinstance(found, Anything) or _fits(shape, found):
        return
    fix = f'write {name}: ["{node.value}"]' if shape.type_name == "list" else "take one value out of it"
    message = f"{name!r} is {_kind(shape)}, and {node.value} yields {described(found)}"
    report.add("parameter-type", Severity.high, node, message, fix)


def _fits(shape: Shape, found: Type) -> bool:
    if shape.type_name == "list":
        return isinstance(found, Many)
    if shape.type_name in ("structure", "map"):
        return not isinstance(found, Plain | Many)
    return isinstance(found, Plain)


def _structure(report: Report, node: Node, shape: StructureShape, outer: Type, name: str) -> None:
    if not isinstance(node.value, dict):
        _wrong_type(report, node, name, "a map")
        return
    for key, value in node.items().items():
        if key in shape.members:
            _value(report, value, shape.members[key], outer, key)
        else:
            fix = aws.suggest(key, list(shape.members))
            report.add("unknown-parameter", Severity.high, value, f"{name!r} has no member {key!r}", fix, about=key)
    for key in shape.required_members:
        if key not in node.items():
            report.add("missing-parameter", Severity.high, node, f"{name!r} needs {key!r}", f"add {key}: …")


def _each(report: Report, node: Node, shape: ListShape, outer: Type, name: str) -> None:
    if isinstance(node.value, list):
        for value in node.value:
            _value(report, value, shape.member, outer, name)
    else:
        _wrong_type(report, node, name, "a list")


def _scalar(report: Report, node: Node, shape: Shape, outer: Type, name: str) -> None:
    wanted = _WRITTEN_AS.get(shape.type_name)
    # To Python a boolean is an integer, to AWS it is not.
    fits = wanted is None or (isinstance(node.value, wanted) and (bool in wanted or not isinstance(node.value, bool)))
    choices = getattr(shape, "enum", ())
    if not fits:
        _wrong_type(report, node, name, _kind(shape))
    elif isinstance(node.value, str) and missing_equals(name, node.value, outer):
        message = f"{name!r} is sent the text {node.value!r} as it stands, and the item has a field of that name"
        report.add("missing-equals", Severity.high, node, message, f'write "={node.value}"')
    elif choices and node.value not in choices:
        message = f"{node.value!r} is not among the values that AWS documents for {name!r}"
        report.add("unknown-value", Severity.medium, node, message, aws.suggest(str(node.value), choices))


def missing_equals(name: str, text: str, outer: Type) -> bool:
    """Return whether a text that is sent literally was meant as the item's field: `VolumeId: VolumeId`."""
    alike = text.lower() in (name.lower(), name.lower().removesuffix("s"))
    return alike and isinstance(outer, Record) and outer.field(text) is not None


def _wrong_type(report: Report, node: Node, name: str, wanted: str) -> None:
    written = node.raw if node.raw else described(ANYTHING) if node.value is None else "this"
    fix = f'put it in quotes: "{node.raw}"' if wanted == "a string" and node.raw else f"write {wanted}"
    report.add("parameter-type", Severity.high, node, f"{name!r} is {wanted}, and {written!r} is not", fix)


def _kind(shape: Shape) -> str:
    return described(of(shape))
