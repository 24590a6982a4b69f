"""Changes of a package's public API, read from its source by griffe without running it."""

import logging
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from phasegate.release.project import SOURCE

if TYPE_CHECKING:
    from griffe import Alias, Object

_DEEPEST = 8


def api_breaks(base: Mapping[str, bytes], new: Mapping[str, bytes], package: str) -> list[str]:
    """Return what of the public API that was there is gone or takes other arguments, a sentence each."""
    from griffe import find_breaking_changes  # the parser takes as long to load as the rest of a release

    before, after = _loaded(base, package), _loaded(new, package)
    if before is None or after is None:
        return []
    found = (f"`{each.obj.path}`: {each.kind.value.lower()}" for each in find_breaking_changes(before, after))
    return sorted(set(found))


def api_additions(base: Mapping[str, bytes], new: Mapping[str, bytes], package: str) -> list[str]:
    """Return the public functions, classes and values that are new, by their paths."""
    before, after = _loaded(base, package), _loaded(new, package)
    known = set(_public(before)) if before else set()
    return sorted(set(_public(after)) - known) if after else []


def _loaded(files: Mapping[str, bytes], package: str) -> "Object | Alias | None":
    from griffe import GriffeError, load

    with tempfile.TemporaryDirectory() as folder:
        for path, content in files.items():
            if path.startswith(f"{SOURCE}/{package}/") and path.endswith(".py"):
                file = Path(folder, path)
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(content)
        logging.getLogger("griffe").setLevel(logging.ERROR)
        try:
            # Nothing of a tree may be imported outside the sandbox.
            return load(package, search_paths=[Path(folder, SOURCE)], allow_inspection=False, force_inspection=False)
        except (GriffeError, ImportError, SyntaxError):
            return None


def _public(found: "Object | Alias", depth: int = 0) -> Iterator[str]:
    for member in found.members.values():
        if not member.is_public or member.is_alias or depth > _DEEPEST:
            continue
        if not member.is_module:
            yield member.path
        if member.is_module or member.is_class:
            yield from _public(member, depth + 1)
