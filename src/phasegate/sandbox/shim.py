"""Runs inside: takes the last rights away, sets the limits, and becomes the command.

It is handed to the interpreter as text (`-c`), so it imports nothing of ours:
`python -I -S -c TEXT '{"user": 61001, "memory": …}' program argument…`
"""

import ctypes
import json
import os
import platform
import resource
import struct
import sys

_DROP_FROM_BOUNDING_SET = 24
_NO_NEW_PRIVILEGES = 38
_CAPABILITIES = 64
_SET_FILTER = 22
_FILTER = 2
_LOAD, _EQUAL, _ABOVE, _RETURN = 0x20, 0x15, 0x35, 0x06
_ALLOW, _NOT_PERMITTED = 0x7FFF0000, 0x00050001
_IO_URING_SETUP = 425
# Machine name to its number in the kernel's audit header and its number of `socket`.
_MACHINES = {"x86_64": (0xC000003E, 41), "aarch64": (0xC00000B7, 198)}


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


def _refuse_sockets() -> None:
    # Also through io_uring, and through the other calling conventions of the machine.
    architecture, socket = _MACHINES[platform.machine()]
    steps = [
        (_LOAD, 0, 0, 4),
        (_EQUAL, 0, 4, architecture),
        (_LOAD, 0, 0, 0),
        (_ABOVE, 2, 0, 0x40000000),
        (_EQUAL, 1, 0, socket),
        (_EQUAL, 0, 1, _IO_URING_SETUP),
        (_RETURN, 0, 0, _NOT_PERMITTED),
        (_RETURN, 0, 0, _ALLOW),
    ]
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
    _refuse_sockets()
    os.execvp(sys.argv[2], sys.argv[2:])  # noqa: S606 - that is the point of it


if __name__ == "__main__":
    main()
