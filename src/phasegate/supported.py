"""Pythons, SQLite and systems that Phasegate is tested on.

The command asks this before it imports anything else, so this module runs on any Python 3 and imports nothing of ours.
"""

from __future__ import annotations

import json
import platform
import sys

PYTHONS = ((3, 11), (3, 12), (3, 13))
SQLITE = (3, 37)
SYSTEM = "Linux"
MACHINES = ("x86_64", "aarch64")
EXIT_CODE = 4


def python_version() -> str:
    """Version of the interpreter, such as `3.13.0`."""
    return ".".join(map(str, sys.version_info[:3]))


def sqlite_version() -> str:
    """Version of the SQLite library that this Python uses, or an empty string where Python was built without it."""
    try:
        import sqlite3
    except ImportError:
        return ""
    return sqlite3.sqlite_version


def unsupported(python: str, sqlite: str, system: str, machine: str) -> tuple[str, str] | None:
    """Find the first thing that Phasegate does not run on.

    Args:
        python: Version of the interpreter.
        sqlite: Version of the SQLite library, or empty.
        system: Name of the operating system, as `platform.system()` says it.
        machine: Name of the processor's family, with `-32` behind it for a 32-bit interpreter.

    Returns:
        What is not supported and what to do, or None where all is supported.
    """
    if system != SYSTEM:
        return f"Phasegate runs on Linux, and this is {system}", "use a Linux machine, a container or WSL 2"
    if machine not in MACHINES:
        return f"Phasegate runs on 64-bit {' and '.join(MACHINES)}, and this is {machine}", "use such a machine"
    if _numbers(python)[:2] not in PYTHONS:
        return f"Phasegate runs on Python 3.11, 3.12 and 3.13, and this is {python}", "install one of those with venv"
    if not sqlite:
        return "this Python has no module sqlite3", "install a Python built with SQLite, such as your system's"
    if _numbers(sqlite) < SQLITE:
        return f"Phasegate needs SQLite 3.37 or newer, and this Python has {sqlite}", "use a Python with a newer SQLite"
    return None


def refuse_unsupported() -> None:
    """End the process with a line of words where Phasegate does not run here."""
    machine = platform.machine() if sys.maxsize > 2**32 else f"{platform.machine()}-32"
    found = unsupported(python_version(), sqlite_version(), platform.system(), machine)
    if found:
        says, fix = found
        if "--json" in sys.argv:
            print(json.dumps({"error": {"message": says, "fix": fix, "exit_code": EXIT_CODE}}, indent=2))
        print(f"✗ {says}\n→ {fix}", file=sys.stderr)
        sys.exit(EXIT_CODE)


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".")[:2])
