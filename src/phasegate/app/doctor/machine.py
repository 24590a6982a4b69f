"""Checks of this machine."""

import asyncio
import sys
from collections.abc import Sequence

from phasegate.app.doctor.check import Check
from phasegate.core import Missing
from phasegate.sandbox import find_sandbox

_FIRST, _BEYOND = (3, 11), (3, 14)


def of_machine() -> list[Check]:
    """Python, Git and the sandbox."""
    return [
        Check(name="python", ask=lambda: python(sys.version_info[:3])),
        Check(name="git", ask=git),
        Check(name="sandbox", ask=sandbox),
    ]


async def python(version: Sequence[int]) -> str:
    """The version.

    Raises:
        Missing: it is not one that Phasegate runs on.
    """
    text = ".".join(map(str, version))
    if not _FIRST <= tuple(version[:2]) < _BEYOND:
        raise Missing(f"Python {text} is not one of 3.11 to 3.13", fix="install one of those, and Phasegate in it")
    return text


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
    """Which one generated code runs in.

    Raises:
        Missing: there is none.
    """
    return (await find_sandbox()).name
