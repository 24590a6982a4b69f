"""JSON Schemas of edited files, written below a checkout by `python -m phasegate.team.schemas ROOT`."""

import json
import sys
from pathlib import Path

from pydantic import BaseModel

from phasegate.team.cards import Front
from phasegate.team.flow import Flow
from phasegate.team.policy import GatePolicy
from phasegate.team.servers import ServerFile

_MODELS: dict[str, type[BaseModel]] = {
    "agents/card.schema.json": Front,
    "graphs/sdlc.schema.json": Flow,
    "graphs/policies/policy.schema.json": GatePolicy,
    "tools/server.schema.json": ServerFile,
}


def schemas() -> dict[str, str]:
    """Path to JSON Schema (2020-12), as they stand in the repository."""
    return {path: _written(model) for path, model in _MODELS.items()}


def _written(model: type[BaseModel]) -> str:
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", **model.model_json_schema()}
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def main(root: Path) -> None:
    """Writes them below a checkout."""
    for path, text in schemas().items():
        (root / path).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "."))
