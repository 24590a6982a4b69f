"""Checks of this machine."""

import asyncio

from phasegate.core import Missing
from phasegate.doctor.check import Check
from phasegate.sandbox import find_sandbox
from phasegate.supported import python_version, sqlite_version


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
