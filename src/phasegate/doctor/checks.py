"""Checks of this machine and of the repository that a folder is in."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from phasegate.app.app import open_app
from phasegate.app.config import NAME
from phasegate.core import Missing, PhasegateError
from phasegate.doctor.aws import of_aws
from phasegate.doctor.check import Check, Skipped
from phasegate.doctor.models import of_models
from phasegate.doctor.repository import of_repository
from phasegate.doctor.servers import of_servers
from phasegate.sandbox import find_sandbox
from phasegate.supported import python_version, sqlite_version
from phasegate.tool_access.servers import open_tools


@asynccontextmanager
async def checks_of(
    folder: Path, environ: Mapping[str, str], keys: Path, *, call: bool = False
) -> AsyncIterator[list[Check]]:
    """Return the checks, whose servers end with them.

    Args:
        folder: where the person is.
        environ: the variables that are set.
        keys: where managers' keys lie on this machine.
        call: whether each chat model is called once.
    """
    async with AsyncExitStack() as stack:
        try:
            app = await stack.enter_async_context(open_app(folder))
        except PhasegateError as error:
            yield [*of_machine(), _not_opened(folder, error)]
            return
        tools = await stack.enter_async_context(open_tools(app))
        aws, servers = of_aws(app, tools, environ), of_servers(tools, environ)
        yield [*of_machine(), *of_repository(app, keys), *of_models(app, call=call), *aws, *servers]


def _not_opened(folder: Path, error: PhasegateError) -> Check:
    there = any((place / NAME).exists() for place in (folder, *folder.parents))
    none = Skipped(f"'{folder}' is in no target repository", fix="make one: phasegate init DIR")

    async def told() -> str:
        raise error if there else none

    return Check(name="repository", ask=told)


def of_machine() -> list[Check]:
    """Python, Git and the sandbox."""
    return [
        Check(name="python", ask=python),
        Check(name="git", ask=git),
        Check(name="sandbox", ask=sandbox),
    ]


async def python() -> str:
    """Versions of Python and of its SQLite, which the command has looked at when it started."""
    return f"{python_version()}, SQLite {sqlite_version()}"


async def git(program: str = "git") -> str:
    """The version.

    Raises:
        Missing: it is not installed.
    """
    try:
        process = await asyncio.create_subprocess_exec(program, "--version", stdout=asyncio.subprocess.PIPE)
    except OSError as error:
        raise Missing(
            f"'{program}' cannot be run: {error.strerror}", fix="install Git: sudo apt install git"
        ) from error
    said, _ = await process.communicate()
    return said.decode(errors="replace").strip().removeprefix("git version ")


async def sandbox() -> str:
    """Return the sandbox in which generated code runs.

    Raises:
        Missing: there is none.
    """
    return (await find_sandbox()).name
