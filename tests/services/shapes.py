"""Every answer of a local service is held against a JSON Schema of ours, written after what the service publishes."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fastapi.responses import JSONResponse, Response
from jsonschema import Draft202012Validator


class Shapes:
    """The shapes of one service, of `<name>.schema.json` (its `$defs`)."""

    def __init__(self, name: str) -> None:
        self._document = json.loads((Path(__file__).parent / f"{name}.schema.json").read_text(encoding="utf-8"))
        self._validators: dict[str, Draft202012Validator] = {}

    def check(self, shape: str, content: Any) -> None:
        """Raises jsonschema's ValidationError when the content does not have the shape."""
        if shape not in self._validators:
            self._validators[shape] = Draft202012Validator({**self._document, "$ref": f"#/$defs/{shape}"})
        self._validators[shape].validate(content)

    def answer(self, shape: str, content: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
        """A JSON answer of that shape."""
        self.check(shape, content)
        return JSONResponse(content, status, headers)
