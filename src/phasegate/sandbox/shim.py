"""Runs inside: takes the last rights away, sets the limits, and becomes the command.

It is handed to the interpreter as text (`-c`), so it imports nothing of ours:
`python -I -S -c TEXT '{"user": 61001, "memory": ...}' program argument...`
"""

import ctypes
import json
import os
import platform
import resource
import struct
import sys
from collections.abc import Iterator
from typing import Any

_DROP_FROM_BOUNDING_SET = 24
_NO_NEW_PRIVILEGES = 38
_CAPABILITIES = 64
_SET_FILTER = 22
_FILTER = 2
_LOAD, _EQUAL, _ABOVE, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_ALLOW, _NOT_PERMITTED = 0x7FFF0000, 0x00050001
_NO_SUCH_CALL = 0x00050026
_CLONE3 = 435
_SET_DUMPABLE = 4
_NAMESPACES = 0x7E020080
"""The flags of clone that make namespaces."""
# From 424 on, all machines have the same numbers: pidfd_getfd, io_uring, the new mount calls, memfd_secret and others.
_REFUSED_EVERYWHERE = (*range(425, 434), 438, 442, 447)
# Machine name to its number in the kernel's audit header and the numbers of its calls: those whose arguments count, and
# those that are refused: sockets, memory and files that no process shows (memfd, System V memory, queues, descriptors
# sent in a message), keys, bpf, perf, userfaultfd, namespaces, mounts, other processes' memory, modules, and the like.
_MACHINES: dict[str, dict[str, Any]] = {
    "x86_64": {
        "audit": 0xC000003E,
        "clone": 56,
        "prctl": 157,
        "refused": (
            *(41, 319, 29, 68, 64, 240, 46, 307),
            *(248, 249, 250, 321, 298, 323, 272, 308, 165, 166, 155, 161),
            *(101, 310, 311, 312, 303, 304, 175, 313, 176, 246, 320, 135, 167, 163, 169, 103, 179, 172, 173),
        ),
    },
    "aarch64": {
        "audit": 0xC00000B7,
        "clone": 220,
        "prctl": 167,
        "refused": (
            *(198, 279, 194, 186, 190, 180, 211, 269),
            *(217, 218, 219, 280, 241, 282, 97, 268, 40, 39, 41, 51),
            *(117, 270, 271, 272, 264, 265, 105, 273, 106, 104, 294, 92, 224, 89, 142, 116, 60),
        ),
    },
}


def _limit(kind: int, most: int) -> None:
    hard = resource.getrlimit(kind)[1]
    most = most if hard == resource.RLIM_INFINITY else min(most, hard)
    resource.setrlimit(kind, (most, most))


def _drop(user: int | None) -> None:
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    for capability in range(_CAPABILITIES):
        prctl(_DROP_FROM_BOUNDING_SET, capability, 0, 0, 0)
    if user is not None:
        os.setgroups([])
        os.setresgid(user, user, user)
        os.setresuid(user, user, user)
    prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0)


def _steps(machine: dict[str, Any]) -> Iterator[tuple[int, int, int, int]]:
    # Each step is an operation, how far to jump where it holds and where not, and a number. Other calling conventions
    # of the machine are refused as a whole; clone3 hides its flags, and C libraries then use clone.
    refuse = (_RETURN, 0, 0, _NOT_PERMITTED)
    allow = (_RETURN, 0, 0, _ALLOW)
    yield from [(_LOAD, 0, 0, 4), (_EQUAL, 1, 0, machine["audit"]), refuse]
    yield from [(_LOAD, 0, 0, 0), (_ABOVE, 0, 1, 0x40000000), refuse]
    for number in (*machine["refused"], *_REFUSED_EVERYWHERE):
        yield from [(_EQUAL, 0, 1, number), refuse]
    yield from [(_EQUAL, 0, 1, _CLONE3), (_RETURN, 0, 0, _NO_SUCH_CALL)]
    yield from [(_EQUAL, 0, 4, machine["clone"]), (_LOAD, 0, 0, 16), (_ANY_BIT, 0, 1, _NAMESPACES), refuse, allow]
    yield from [(_EQUAL, 0, 3, machine["prctl"]), (_LOAD, 0, 0, 16), (_EQUAL, 0, 1, _SET_DUMPABLE), refuse]
    yield allow


def _refuse_calls() -> None:
    machine = _MACHINES.get(platform.machine())
    if machine is None:
        sys.exit(f"the sandbox knows {' and '.join(_MACHINES)}, and this is {platform.machine()}")
    steps = list(_steps(machine))
    code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *step) for step in steps))
    program = ctypes.create_string_buffer(struct.pack("HP", len(steps), ctypes.addressof(code)))
    if ctypes.CDLL(None, use_errno=True).prctl(_SET_FILTER, _FILTER, program, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "the filter of system calls was not accepted")


def main() -> None:
    """Sets limits and rights, then executes the command in this process."""
    want = json.loads(sys.argv[1])
    _drop(want["user"])
    for kind, most in (
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_AS, want["memory"]),
        (resource.RLIMIT_CPU, want["cpu_seconds"]),
        (resource.RLIMIT_FSIZE, want["file_size"]),
        (resource.RLIMIT_NOFILE, want["open_files"]),
        *([(resource.RLIMIT_NPROC, want["processes"])] if want["processes"] else []),
    ):
        _limit(kind, most)
    _refuse_calls()
    os.execvp(sys.argv[2], sys.argv[2:])  # noqa: S606 - that is the point of it


if __name__ == "__main__":
    main()
