"""Commands of the release that are not hostile, such as pip, run away from the caller's environment."""

import asyncio
import contextlib
import os
import signal
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from phasegate.core.files import close_pipes

_PATH = "/usr/local/bin:/usr/bin:/bin"


@dataclass(frozen=True, kw_only=True)
class Ran:
    """Exit code and output of a command that ended."""

    exit_code: int
    stdout: str
    stderr: str

    @property
    def tail(self) -> str:
        """End of its output, for an error message."""
        return (self.stderr.strip() or self.stdout.strip())[-800:]


async def run(command: Sequence[str], *, env: Mapping[str, str], seconds: float) -> Ran:
    """Run a command with `env`, a search path and an empty home, and nothing else of the caller's environment.

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
            close_pipes(process)
    return Ran(
        exit_code=process.returncode or 0, stdout=out.decode(errors="replace"), stderr=err.decode(errors="replace")
    )
