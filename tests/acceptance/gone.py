"""A person attends a run in whose first draft the repository goes: FOLDER HOW, with HOW as in `WAYS`."""

import asyncio
import shutil
import sys
import threading
from pathlib import Path

from phasegate.app import open_app
from phasegate.authors import Author, Brief, Draft, FunctionAuthor
from phasegate.authors.roles import CompilerRoles, Parts
from phasegate.cli.errors import report
from phasegate.cli.interactive import attend
from phasegate.team import Card
from unit.authors.sample_spec import FOLDER, sample_repository

WAYS = ("removed", "removed-slowly", "moved", "record-removed", "record-removed-unnoticed", "replaced")


class Going(CompilerRoles):
    """Has the repository go while an author is at work, which then misses a file or not."""

    def __init__(self, folder: Path, how: str) -> None:
        self._folder, self._how = folder, how

    def author(self, card: Card, parts: Parts) -> Author:
        return FunctionAuthor(self._draft)

    async def _draft(self, brief: Brief) -> Draft:
        match self._how:
            case "moved":
                self._folder.rename(self._folder.with_name("moved"))
            case "replaced":
                self._folder.rename(self._folder.with_name("moved"))
                sample_repository(self._folder)
            case "removed":
                shutil.rmtree(self._folder)
            case "removed-slowly":
                shutil.rmtree(self._folder / ".git" / "objects")
                threading.Timer(0.3, shutil.rmtree, [self._folder]).start()
            case _:
                shutil.rmtree(self._folder / ".git" / "phasegate")
        if self._how.endswith("unnoticed"):
            return Draft(files=brief.handed_in, message="as it was handed in")
        raise FileNotFoundError(2, "No such file or directory", "of Git's")


async def main(folder: Path, how: str) -> None:
    async with open_app(folder, roles=Going(folder, how)) as app:
        run = await app.start(folder / FOLDER)
        await attend(app, run.id, (None, None))


if __name__ == "__main__":
    try:
        asyncio.run(main(Path(sys.argv[1]), sys.argv[2]))
    except Exception as error:
        sys.exit(report(error))
