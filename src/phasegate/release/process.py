"""Runs a command of the release that is not hostile, such as pip, away from the caller's environment."""

import asyncio
import contextlib
import os
import signal
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

_PATH = "/usr/local/bin:/usr/bin:/bin"


@dataclass(frozen=True, kw_only=True)
class Ran:
    """How a command ended."""

    exit_code: int
    stdout: str
    stderr: str

    @property
    def tail(self) -> str:
        """The last of what it said, for an error message."""
        return (self.stderr.strip() or self.stdout.strip())[-800:]


async def run(command: Sequence[str], *, env: Mapping[str, str], seconds: float) -> Ran:
    """Runs a command with `env`, a search path and an empty home, and nothing else of the caller's environment.

    Raises:
        TimeoutError: It took longer; it has been ended, with all that it started.
    """
    with tempfile.TemporaryDirectory(prefix="phasegate-home-") as home:
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={"PATH": _PATH, "HOME": home, "LANG": "C.UTF-8", **env},
            cwd=home,
            start_new_session=True,
        )
        try:
            out, err = await asyncio.wait_for(process.communicate(), seconds)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
    return Ran(
        exit_code=process.returncode or 0, stdout=out.decode(errors="replace"), stderr=err.decode(errors="replace")
    )
