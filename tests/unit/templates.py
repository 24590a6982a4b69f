"""Folders that take a while to make, made once a process and copied."""

import shutil
from collections.abc import Callable, Hashable
from pathlib import Path
from tempfile import TemporaryDirectory

_made: dict[Hashable, TemporaryDirectory[str]] = {}


def copied(key: Hashable, into: Path, make: Callable[[Path], object]) -> None:
    """Lay a copy of a folder into another.

    Args:
        key: tells folders apart: equal keys, equal content.
        into: where the copy goes.
        make: fills the folder that is copied, the first time.
    """
    if key not in _made:
        folder = TemporaryDirectory(prefix="phasegate-template-")
        make(Path(folder.name) / "made")
        _made[key] = folder
    shutil.copytree(Path(_made[key].name) / "made", into, symlinks=True, dirs_exist_ok=True)
