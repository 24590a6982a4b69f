"""The second choice: Landlock and seccomp by the `sandlock` wheel, without root or namespaces."""

import importlib.util
import json
import sys
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path

from phasegate.core.errors import Missing
from phasegate.sandbox import system
from phasegate.sandbox.limits import Limits, Outcome
from phasegate.sandbox.supervise import supervise
from phasegate.sandbox.workdir import collect as read_back
from phasegate.sandbox.workdir import private_directory

_SET_UP_FAILED = 97


class Sandlock:
    """Runs each command under file rules and a system-call filter that it cannot take off.

    It holds what `Bubblewrap` holds, in another way where it must:

    - There is no process namespace. Ended are all descendants of a process that adopts orphans, so what detaches
      itself is ended too; process ids of the machine stay guessable, but signals to them and reading them are
      refused.
    - There is no mount namespace. The working directory has its real path, and names outside it can be tried, never
      opened.
    - Landlock alone would let a command reach a service that listens on a Unix socket; our shim's own filter refuses
      to make sockets of any family (under bubblewrap too). Code that needs a socket pair still gets one.
    - Started by root, the command stays root without any capability: files of root outside the rules stay closed, but
      the limit on processes is held by sandlock's supervisor in place of the kernel.
    """

    name = "sandlock"

    def __init__(self) -> None:
        """Look for the package, while the first run shows whether the kernel offers what it needs.

        Raises:
            Missing: It is not installed.
        """
        if importlib.util.find_spec("sandlock") is None:
            raise Missing("sandlock is not installed", fix="pip install sandlock")

    async def run(
        self,
        command: Sequence[str],
        *,
        files: Mapping[str, bytes],
        limits: Limits = Limits(),  # noqa: B008 - frozen
        collect: Sequence[str] = (),
    ) -> Outcome:
        """See `Sandbox.run`."""
        with private_directory(files, None) as top:
            outcome = await supervise(self._launcher(command, top, limits), top=top, limits=limits)
            if outcome.exit_code == _SET_UP_FAILED:
                words = outcome.stderr.decode(errors="replace").strip().splitlines()[-1:]
                raise Missing(
                    f"sandlock cannot set up its sandbox: {' '.join(words)}",
                    fix="use Linux 6.12 or newer, or install bubblewrap",
                )
            taken, refused = read_back(top / "work", collect, limits.collected)
        return Outcome(**{**vars(outcome), "files": taken, "refused": refused})

    def _launcher(self, command: Sequence[str], top: Path, limits: Limits) -> list[str]:
        policy = {
            "fs_readable": [
                *system.folders(),
                *system.links(),
                *system.settings(),
                "/dev/zero",
                "/dev/urandom",
                "/dev/random",
            ],
            "fs_writable": [str(top / "work"), str(top / "home"), str(top / "tmp"), "/dev/null"],
            "cwd": str(top / "work"),
            "clean_env": True,
            "env": {
                **system.ENVIRONMENT,
                "HOME": str(top / "home"),
                "TMPDIR": str(top / "tmp"),
                "PATH": system.search_path(),
            },
            "max_memory": limits.memory,
            "max_processes": limits.processes,
            "no_coredump": True,
        }
        launcher = str(resources.files("phasegate.sandbox") / "landlock_launch.py")
        inner = system.shimmed(list(command), limits, user=None, processes=0)
        return [sys.executable, "-I", launcher, json.dumps(policy), *inner]
