"""Protection of this process's memory from others of the same user: no dump, no trace, no swap."""

import ctypes
import mmap
import os
import resource
import signal
import sys
from pathlib import Path
from typing import Any

_SET_PARENT_DEATH, _SET_DUMPABLE, _SET_TRACER = 1, 4, 0x59616D61
_LOCK_CURRENT = 1


def close_to_others() -> None:
    """Have nobody but root read, trace or dump this process from now on, nor its children until they run a program.

    The kernel then gives its files below /proc to root, so that no process of the same user opens its memory, its
    environment or its file descriptors. Where it is not Linux, only core files are off.
    """
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _process_control(_SET_DUMPABLE, 0)
    _process_control(_SET_TRACER, 0)  # Yama's exceptions; a kernel without it has none to take back


def die_with_parent() -> None:
    """Have the kernel kill this process when the thread that made it ends."""
    _process_control(_SET_PARENT_DEATH, signal.SIGKILL)


def is_traced() -> bool:
    """Return whether a debugger is attached to this process."""
    try:
        status = Path("/proc/self/status").read_text(encoding="ascii")
    except OSError:
        return False
    return any(line.split() != ["TracerPid:", "0"] for line in status.splitlines() if line.startswith("TracerPid:"))


def lock_memory() -> bool:
    """Keep what is in memory now out of the swap, and return whether the system allows that much."""
    libc = _libc()
    return libc is not None and libc.mlockall(_LOCK_CURRENT) == 0


class LockedPage:
    """A page of memory for a secret: out of the swap where the system allows it, and out of dumps and children."""

    def __init__(self, secret: bytes) -> None:
        """Copy a secret into a page of its own."""
        self._page = mmap.mmap(-1, mmap.PAGESIZE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        self._size = len(secret)
        self.is_locked = self._lock()
        for advice in ("MADV_DONTDUMP", "MADV_DONTFORK"):
            if hasattr(mmap, advice):
                self._page.madvise(getattr(mmap, advice))
        self._page[: self._size] = secret

    def view(self) -> memoryview:
        """Return the secret where it lies, as a view to be released after use."""
        return memoryview(self._page)[: self._size]

    def wipe(self) -> None:
        """Overwrite the secret."""
        self._page[: self._size] = bytes(self._size)

    def _lock(self) -> bool:
        libc = _libc()
        if libc is None:
            return False
        address = ctypes.addressof(ctypes.c_char.from_buffer(self._page))
        return bool(libc.mlock(ctypes.c_void_p(address), ctypes.c_size_t(mmap.PAGESIZE)) == 0)


def _process_control(option: int, value: int) -> None:
    libc = _libc()
    if libc is None:
        return
    zero = ctypes.c_ulong(0)
    failed = libc.prctl(option, ctypes.c_ulong(value), zero, zero, zero)
    if failed and option == _SET_DUMPABLE:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def _libc() -> Any:
    return ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None
