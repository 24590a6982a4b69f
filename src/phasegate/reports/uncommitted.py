"""Uncommitted changes of the managers' list, since a run begins from the commit."""

from pathlib import Path

from phasegate.app.config import NAME, Config
from phasegate.workspace import Workspace


def not_committed(workspace: Workspace, config: Config) -> list[str]:
    """The files that list managers and approvers and differ from the commit that is checked out, from the top."""
    committed = workspace.tree(workspace.head())
    paths = (NAME, f"src/{config.project.package}/approvers.json")
    return [path for path in paths if _written(workspace.folder / path) != committed.get(path)]


def _written(file: Path) -> bytes | None:
    return file.read_bytes() if file.is_file() else None
