"""The base of read models, and their JSON."""

import json
from collections.abc import Iterable
from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, PlainSerializer, WithJsonSchema

Timestamp = Annotated[
    datetime,
    PlainSerializer(datetime.isoformat, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]
"""A moment, ISO 8601 in JSON with the offset spelled out, as `2026-11-18T20:10:00+00:00`."""


class Report(BaseModel):
    """A read model: its fields are the terminal's JSON, the API's schema and the output schema of an MCP tool."""

    model_config = ConfigDict(frozen=True, extra="forbid", from_attributes=True, use_attribute_docstrings=True)

    def plain(self) -> dict[str, Any]:
        """Return the values of JSON, under the names that users see."""
        return self.model_dump(mode="json", by_alias=True)


def as_json(found: Report | Iterable[Report]) -> str:
    """Return one report as a JSON object, several as a JSON array, as the terminal prints them."""
    return json.dumps(found.plain() if isinstance(found, Report) else [each.plain() for each in found], indent=2)
