"""Builds each tree once: a release is built when it is drafted, looked at when it is reviewed, and then published."""

import asyncio
from collections.abc import Mapping
from datetime import datetime

from phasegate.core import digest
from phasegate.release.build import Built, build
from phasegate.sandbox import Sandbox

_KEPT = 4


class Builder:
    """Builds in a sandbox, and remembers the last few."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self._built: dict[str, Built] = {}
        self._busy = asyncio.Lock()

    async def build(self, tree: Mapping[str, bytes], *, at: datetime) -> Built:
        """Build wheel and sdist of a tree with `phasegate.release.build`."""
        files = dict(tree)
        key = digest([at.isoformat(), {path: digest(content) for path, content in files.items()}])
        async with self._busy:
            if key not in self._built:
                self._built[key] = await build(files, at=at, sandbox=self._sandbox)
                for old in list(self._built)[:-_KEPT]:
                    del self._built[old]
            return self._built[key]
