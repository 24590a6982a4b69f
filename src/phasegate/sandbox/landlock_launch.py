"""The process between Phasegate and a command under sandlock: sets the rules, adopts orphans, and ends them all.

It runs by its path, apart from the package: `python -I landlock_launch.py POLICY program argument...`
"""

import ctypes
import json
import os
import signal
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

import sandlock

_ADOPT_ORPHANS = 36
_SET_UP_FAILED = 97
_LOOK_SECONDS = 0.5


def _children() -> list[int]:
    return [
        int(pid)
        for task in Path("/proc/self/task").iterdir()
        for pid in (task / "children").read_text(encoding="utf-8").split()
    ]


def _end_all() -> None:
    # Orphans of what was killed come to us in turn, so this goes on until nobody is left.
    while children := _children():
        for pid in children:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        with suppress(ChildProcessError):
            os.waitpid(-1, 0)


def _end_with(parent: int) -> None:
    """End all where the process that started this one is killed."""
    while os.getppid() == parent:
        time.sleep(_LOOK_SECONDS)
    _end_all()
    os._exit(128 + signal.SIGKILL)


def main() -> int:
    """Runs the command and returns its exit code, 97 if the rules cannot be set."""
    # Without a process namespace, what detaches itself would become a child of init, and nobody would end it.
    ctypes.CDLL(None).prctl(_ADOPT_ORPHANS, 1, 0, 0, 0)
    # Landlock has no counterpart to bubblewrap's `--die-with-parent`.
    threading.Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()
    try:
        code = sandlock.Sandbox(**json.loads(sys.argv[1])).run_interactive(sys.argv[2:])
    except sandlock.SandlockError as error:
        print(error, file=sys.stderr)
        return _SET_UP_FAILED
    _end_all()
    return code if code >= 0 else 128 + signal.SIGKILL


if __name__ == "__main__":
    os._exit(main())
