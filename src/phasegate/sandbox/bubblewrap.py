"""The first choice: namespaces by Debian's bubblewrap."""

import itertools
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from phasegate.core.errors import Missing
from phasegate.sandbox import system
from phasegate.sandbox.limits import Limits, Outcome
from phasegate.sandbox.supervise import supervise
from phasegate.sandbox.workdir import collect as read_back
from phasegate.sandbox.workdir import private_directory

_WORK = f"{system.HOME}/work"
_FIRST_USER = 1_000_000
_RUNS = 64
_COUNT = itertools.count()
_SET_UP_FAILED = b"bwrap: "


class Bubblewrap:
    """Runs each command in namespaces of its own: no network, no other process, a read-only system, an empty home.

    Started by root, the command runs as a numeric user that nobody else is, so that the limit on processes counts its
    own alone (the kernel never applies that limit to root). Started by anyone else it runs in a user namespace. The
    shim's filter refuses to make further namespaces. The limit on processes counts per namespace from Linux 5.14 on.
    """

    name = "bubblewrap"

    def __init__(self, program: str | None = None) -> None:
        """Finds `bwrap` on the PATH, unless its path is given.

        Raises:
            Missing: It is not installed.
        """
        found = program or shutil.which("bwrap")
        if found is None:
            raise Missing("bubblewrap is not installed", fix="sudo apt install bubblewrap")
        self._program = found

    async def run(
        self,
        command: Sequence[str],
        *,
        files: Mapping[str, bytes],
        limits: Limits = Limits(),  # noqa: B008 - frozen
        collect: Sequence[str] = (),
    ) -> Outcome:
        """See `Sandbox.run`."""
        # The kernel counts processes by user, so two commands that run at once must not be the same one.
        user = _FIRST_USER + os.getpid() * _RUNS + next(_COUNT) % _RUNS if os.getuid() == 0 else None
        with private_directory(files, user) as top:
            inner = system.shimmed(list(command), limits, user=user, processes=limits.processes)
            outcome = await supervise([*self._arguments(top, user), "--", *inner], top=top, limits=limits)
            _demand_set_up(outcome)
            taken, refused = read_back(top / "work", collect, limits.collected)
        return _with_files(outcome, taken, refused)

    def _arguments(self, top: Path, user: int | None) -> list[str]:
        variables = {**system.ENVIRONMENT, "PATH": system.search_path()}
        return [
            self._program,
            *_namespaces(user),
            # A session of its own: with ours, a command could push characters into the terminal's input (TIOCSTI,
            # CVE-2017-5226).
            *("--die-with-parent", "--new-session", "--clearenv"),
            *(word for name, value in variables.items() for word in ("--setenv", name, value)),
            *_ways(["/tmp", _WORK, "/etc/passwd"]),  # noqa: S108
            # Before the folders of programs: the checkout, and so the interpreter, may itself stand under /tmp.
            *("--bind", str(top / "tmp"), "/tmp", "--bind", str(top / "home"), system.HOME),  # noqa: S108
            *_ways(system.folders()),
            *(word for path in (*system.folders(), *system.settings()) for word in ("--ro-bind", path, path)),
            *(word for path, target in system.links().items() for word in ("--symlink", target, path)),
            # Ours, since the machine's would tell its people and its network; without any, libraries cannot look up the
            # own user.
            *(word for name in ("passwd", "hosts") for word in ("--ro-bind", str(top / "etc" / name), f"/etc/{name}")),
            # Its /dev/shm is memory that no limit counts.
            *("--proc", "/proc", "--dev", "/dev", "--remount-ro", "/dev"),
            *("--bind", str(top / "work"), _WORK, "--chdir", _WORK),
            *("--remount-ro", "/"),
        ]


def _namespaces(user: int | None) -> list[str]:
    if user is None:
        # A command in a user namespace of its own would have all capabilities there, and with them far more of the
        # kernel to try.
        return ["--unshare-all", "--unshare-user", "--disable-userns"]
    # Inside a user namespace root would stay the machine's root to the kernel, and root may have any number of
    # processes. Instead the mounts are made by root itself, and the shim becomes another user before the command
    # starts.
    kept = ("CAP_SETUID", "CAP_SETGID", "CAP_SETPCAP")
    return [
        *("--unshare-ipc", "--unshare-pid", "--unshare-net", "--unshare-uts", "--unshare-cgroup-try"),
        *("--cap-drop", "ALL", *(word for name in kept for word in ("--cap-add", name))),
    ]


def _ways(paths: Sequence[str]) -> list[str]:
    # Folders that bubblewrap makes on the way to a mount are closed to all but their owner, who is root.
    above = {str(p) for path in paths for p in Path(path).parents if str(p) != "/"}
    return [word for path in sorted(above) for word in ("--perms", "0755", "--dir", path)]


def _demand_set_up(outcome: Outcome) -> None:
    # Told apart from a command that failed: bubblewrap ends with 1 too, and only its own words begin so.
    if outcome.exit_code == 1 and outcome.stderr.startswith(_SET_UP_FAILED):
        words = outcome.stderr.decode(errors="replace").splitlines()[0]
        raise Missing(
            f"bubblewrap cannot set up its sandbox: {words}",
            fix="allow unprivileged user namespaces, or pip install sandlock",
        )


def _with_files(outcome: Outcome, files: Mapping[str, bytes], refused: Mapping[str, str]) -> Outcome:
    return replace(outcome, files=files, refused=refused)
