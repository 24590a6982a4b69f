"""Folders that take a while to make, made once a process and copied."""

import json
import shutil
from collections.abc import Callable, Hashable
from pathlib import Path
from tempfile import TemporaryDirectory

from phasegate.trust import ROOTS, SignedRoot, TrustStore

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
    for state in {file.parent for file in into.glob(f"**/.git/phasegate/{ROOTS}")}:
        _pin_anew(state)


def _pin_anew(state: Path) -> None:
    """Pin a copy's root as a new repository's: a version that another copy signed is none that this one lacks."""
    store = TrustStore(state, state.parents[1])
    first = SignedRoot.of_json(json.loads((state / ROOTS).read_bytes().splitlines()[0]))
    store.known.file_of(first.root.repository).unlink(missing_ok=True)
    store.pin(first.digest)
