"""Canned answers of every role: the shipped spec of the product owner, and from everybody else that nothing changes."""

from pathlib import Path
from typing import Any

SPEC = "specs/001-unattached-ebs-volumes"
_TOP = Path(__file__).parents[1]


def arguments(is_review: bool, instructions: str) -> dict[str, Any]:
    """Return what is handed in."""
    if is_review:
        return {"findings": []}
    if "# Product owner" not in instructions:
        return {"files": []}
    paths = [f"{SPEC}/spec.md", f"{SPEC}/runbook.yaml"]
    return {"files": [{"path": path, "text": (_TOP / path).read_text(encoding="utf-8")} for path in paths]}
