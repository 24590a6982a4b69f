"""What an agent with a shell in the manager's account tries on a process: `memory_reader.py PUBLIC_KEY PID …`.

Prints a line for each process and attempt: `PID ATTEMPT OUTCOME`, where the outcome is `closed`, `open` or `found`.
"""

import base64
import ctypes
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

_ATTACH, _DETACH, _SEIZE = 16, 17, 0x4206
_PIDFD_OPEN, _PIDFD_GETFD, _READ_MEMORY = 434, 438, 310
LIBC = ctypes.CDLL(None, use_errno=True)


def memory(pid: int, public: bytes) -> str:
    """Look for the key in all memory that can be written, as `/proc` shows it."""
    maps = Path(f"/proc/{pid}/maps").read_text()
    with open(f"/proc/{pid}/mem", "rb", 0) as content:
        for line in maps.splitlines():
            if " rw" in line and _holds(content, line, public):
                return "found"
    return "open"


def _holds(content: object, line: str, public: bytes) -> bool:
    low, high = (int(edge, 16) for edge in line.split()[0].split("-"))
    try:
        content.seek(low)  # type: ignore[attr-defined]
        data = content.read(high - low)  # type: ignore[attr-defined]
    except (OSError, OverflowError, ValueError):
        return False
    return any(_is_key(data[at : at + 32], public) for at in range(0, len(data) - 31, 16))


def _is_key(seed: bytes, public: bytes) -> bool:
    if len(set(seed)) < 20:
        return False
    return Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw() == public


def attach(pid: int, _: bytes) -> str:
    """Attach as a debugger does."""
    return _traced(pid, _ATTACH)


def seize(pid: int, _: bytes) -> str:
    """Attach as a debugger does that does not stop it."""
    return _traced(pid, _SEIZE)


def _traced(pid: int, request: int) -> str:
    if LIBC.ptrace(request, pid, None, None):
        raise PermissionError(ctypes.get_errno())
    if request == _ATTACH:
        os.waitpid(pid, 0)
    LIBC.ptrace(_DETACH, pid, None, None)
    os.kill(pid, signal.SIGCONT)
    return "open"


def another_call(pid: int, _: bytes) -> str:
    """Read by `process_vm_readv`, from the first address that is mapped."""
    buffer = ctypes.create_string_buffer(16)
    vector = (ctypes.c_size_t * 2)(ctypes.addressof(buffer), 16)
    there = (ctypes.c_size_t * 2)(int(Path(f"/proc/{pid}/maps").read_text().split("-")[0], 16), 16)
    if LIBC.syscall(_READ_MEMORY, pid, vector, 1, there, 1, 0) < 0:
        raise PermissionError(ctypes.get_errno())
    return "open"


def socket_of_its_own(pid: int, _: bytes) -> str:
    """Take its first file descriptors over, among them the socket by which it is asked to sign."""
    handle = LIBC.syscall(_PIDFD_OPEN, pid, 0)
    taken = [LIBC.syscall(_PIDFD_GETFD, handle, number, 0) for number in range(32)]
    if max(taken) < 0:
        raise PermissionError(ctypes.get_errno())
    return "open"


def environment(pid: int, _: bytes) -> str:
    """Read its environment."""
    Path(f"/proc/{pid}/environ").read_bytes()
    return "open"


def files(pid: int, _: bytes) -> str:
    """Follow its standard output."""
    os.readlink(f"/proc/{pid}/fd/1")
    return "open"


ATTEMPTS: tuple[Callable[[int, bytes], str], ...] = (
    memory,
    attach,
    seize,
    another_call,
    socket_of_its_own,
    environment,
    files,
)


def main() -> None:
    public = base64.b64decode(sys.argv[1])
    for pid in map(int, sys.argv[2:]):
        for attempt in ATTEMPTS:
            try:
                outcome = attempt(pid, public)
            except PermissionError:
                outcome = "closed"
            print(pid, attempt.__name__, outcome, flush=True)


if __name__ == "__main__":
    main()
