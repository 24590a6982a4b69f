"""Files of the machine that a sandboxed command may read: the system's programs and the interpreter."""

import json
import os
import sys
from importlib import resources
from pathlib import Path

from phasegate.sandbox.limits import Limits

HOME = "/home/sandboxed"
ENVIRONMENT = {"HOME": HOME, "TMPDIR": "/tmp", "LANG": "C.UTF-8", "PYTHONDONTWRITEBYTECODE": "1"}  # noqa: S108
_TOP = ("/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32")
_ETC = (
    "/etc/ssl",
    "/etc/ld.so.cache",
    "/etc/ld.so.conf",
    "/etc/ld.so.conf.d",
    "/etc/localtime",
    "/etc/alternatives",
    "/etc/mime.types",
)


def folders() -> list[str]:
    """Return folders of programs and libraries, the interpreter's last, without links at the top."""
    wanted = ["/usr", *(p for p in _TOP if not os.path.islink(p)), *interpreter()]
    return [p for p in wanted if os.path.isdir(p)]


def links() -> dict[str, str]:
    """Top-level links, such as /lib to usr/lib."""
    return {p: os.readlink(p) for p in _TOP if os.path.islink(p)}


def settings() -> list[str]:
    """The few files and folders of /etc that libraries need."""
    return [p for p in _ETC if os.path.exists(p)]


def interpreter() -> list[str]:
    """Return the folders of the running interpreter and its packages, beyond /usr."""
    found = dict.fromkeys([sys.base_prefix, sys.prefix, str(Path(os.path.realpath(sys.executable)).parent.parent)])
    return [p for p in found if p != "/" and not Path(p).is_relative_to("/usr")]


def shimmed(command: list[str], limits: Limits, *, user: int | None, processes: int) -> list[str]:
    """Return the command behind the shim that sets limits from inside, except that of processes where it is 0."""
    want = {
        "user": user,
        "memory": limits.memory,
        "cpu_seconds": limits.cpu_seconds,
        "file_size": limits.file_size,
        "open_files": limits.open_files,
        "processes": processes,
    }
    # As text, so that it runs inside whether or not the package's own folder can be read there.
    text = (resources.files("phasegate.sandbox") / "shim.py").read_text(encoding="utf-8")
    return [sys.executable, "-I", "-S", "-c", text, json.dumps(want), *command]


def search_path() -> str:
    """PATH inside: the interpreter's own programs, then the system's."""
    return f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin"
