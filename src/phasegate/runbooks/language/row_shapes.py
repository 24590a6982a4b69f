"""Shapes of the rows that a step lists, from botocore's models."""

from collections.abc import Mapping
from typing import Any

from phasegate.runbooks.language import aws
from phasegate.runbooks.language.expressions import Node, parse

CREATED = (
    *("CreateTime", "CreationTime", "CreationDate", "CreatedTime", "CreatedDate", "CreatedAt", "CreateDate"),
    *("createTime", "creationTime", "creationDate", "createdAt", "createdTime", "creationDateTime", "CreationDateTime"),
    *("LaunchTime", "StartTime", "InstanceCreateTime", "SnapshotCreateTime", "ClusterCreateTime", "AllocationTime"),
)
"""Names of the field that says when an item was made, in the order of preference."""


def row_members(op: str, items: str | None) -> Mapping[str, Any]:
    """Return the members of a row with their shapes, none where they are not known.

    Raises:
        InvalidInput: botocore knows no such operation.
    """
    operation = aws.operation(op)
    if items is None:
        return aws.members(operation.row if operation.rows_key else operation.output)
    return aws.members(_beneath(operation.output, parse(items)))


def _beneath(shape: Any, node: Node) -> Any:
    """Return the shape that an expression of keys, `[]`, `[*]` and filters leads to, or None for any other."""
    kind = node["type"]
    if kind == "field":
        # Brackets behind a list go over its elements, so that the list stands for one of them.
        return _element(aws.members(shape).get(node["value"]))
    if kind in ("identity", "current"):
        return shape
    if kind in ("subexpression", "projection", "flatten", "filter_projection", "index_expression"):
        for child in node["children"][:2]:
            shape = shape if child["type"] in ("slice", "index") else _beneath(shape, child)
        return shape
    return None


def _element(shape: Any) -> Any:
    return shape.member if getattr(shape, "type_name", "") == "list" else shape
