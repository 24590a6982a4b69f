"""Programs and addresses in a server's definition, none of which is used before a manager granted it.

The definitions that this installation ships are trusted as they are; any other is bound by one digest over all of it,
and over the files of the repository that it starts, so that none of them can move unseen.
"""

import hashlib
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

from phasegate.core import digest
from phasegate.team.servers import ServerFile, ToolServer

_PARTS = re.compile(r"[\s=;|&'\"]+")
"""What stands between names of files in a word, such as that of a shell's `-c`."""


def from_workspace(server: ServerFile, top: Path, environ: Mapping[str, str]) -> ToolServer:
    """Return a server of a repository's own file, with the definition that waits for a manager.

    Args:
        server: as its file describes it.
        top: the repository.
        environ: where its program is looked for.
    """
    said = {name: getattr(server, name) for name in ServerFile.model_fields}
    return ToolServer(**said, definition=_definition(server, top, environ), top=top)


def pointed(server: ServerFile, variable: str, value: str, top: Path, environ: Mapping[str, str]) -> ToolServer:
    """Return a server that a file of the repository gives another value of a variable: its definition is another."""
    said = {name: getattr(server, name) for name in ServerFile.model_fields}
    return from_workspace(ServerFile(**{**said, "env": {**server.env, variable: value}}), top, environ)


def moved(server: ToolServer, environ: Mapping[str, str]) -> bool:
    """Return whether a file of the repository that the server starts changed since its definition was read."""
    return server.top is not None and _definition(server, server.top, environ) != server.definition


def program_of(server: ServerFile, top: Path | None, environ: Mapping[str, str]) -> str:
    """Return the full path of a command's program, or the command's word where no such program is found.

    A relative path is one of the repository, and a name is looked for in absolute folders of `PATH` alone: which
    folder somebody stands in decides nothing.
    """
    word = server.command[0]
    if "/" in word or os.sep in word:
        return str((top or Path.cwd()) / word)
    return shutil.which(word, path=safe_path(environ)) or word


def safe_path(environ: Mapping[str, str]) -> str:
    """Return `PATH` without relative folders, which would be those of whatever repository somebody stands in."""
    path = environ.get("PATH") or os.environ.get("PATH", os.defpath)
    return os.pathsep.join(part for part in path.split(os.pathsep) if os.path.isabs(part))


def _definition(server: ServerFile, top: Path, environ: Mapping[str, str]) -> str:
    said = server.model_dump(mode="json", include=set(ServerFile.model_fields))
    for rule in said["tools"].values():
        if not rule["bounds"]:  # grants from before there were bounds stay as they are
            del rule["bounds"]
    said["tools"] = [[name, said["tools"][name]] for name in server.tools]  # an earlier pattern before a later one
    return digest({"server": said, "files": dict(_files(server, top, environ))})


def _files(server: ServerFile, top: Path, environ: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Yield each file of the repository that the command names, with the digest of its content."""
    if not server.command:
        return
    words = (part for word in server.command[1:] for part in _PARTS.split(word) if part)
    for word in (program_of(server, top, environ), *words):
        # Any word may be a file to the program that is started, whatever stands before it.
        content = _content(Path(os.path.normpath(top / server.cwd / word)), top)
        if content is not None:
            yield word, hashlib.sha256(content).hexdigest()


def _content(file: Path, top: Path) -> bytes | None:
    """Return the content of a file of the repository, a link's target included, or None where it is none."""
    try:
        # Either counts: a link in the repository can be changed there, and so can a file that a link from outside leads
        # to.
        inside = file.is_relative_to(top) or file.resolve().is_relative_to(top.resolve())
        return file.read_bytes() if inside and file.is_file() else None
    except (OSError, ValueError):  # a word that can name no file, or one that cannot be read, and so not started
        return None
