"""Reasons why a server cannot be used, with what to do next."""

import re
from pathlib import Path
from typing import NamedTuple

import httpx

from phasegate.team.servers import ToolServer
from phasegate.tools.texts import clean

_LINES, _LONGEST = 3, 400
_INSTALL = {
    "npx": "install Node.js, which brings npx",
    "node": "install Node.js",
    "uvx": "install uv, which brings uvx",
    "uv": "install uv",
    "docker": "install Docker, and start it",
    "podman": "install Podman",
}
_MODULE = re.compile(r"(?:ModuleNotFoundError: )?No module named '?([\w.]+)")
_VERSION = re.compile(
    r"requires[- ]python|python_requires|requires a different python|unsupported python", re.IGNORECASE
)
_PACKAGE = re.compile(r"E404|not found in the package registry|No matching distribution|could not determine executable")


class Hint(NamedTuple):
    """A failure, and what to do next."""

    why: str
    fix: str


def hint(server: ToolServer, error: BaseException, said: str, stray: str, log: Path | None) -> Hint:
    """Return why a server does not start or answer.

    Args:
        server: which.
        error: what was raised here.
        said: the end of what it wrote to its standard error.
        stray: what it wrote to its standard output instead of messages.
        log: the file that holds all of its standard error; None: no file does.
    """
    found = _far(server, error) if server.url else _program(server, error, said, stray)
    why, fix = found or Hint(words(error), "")
    last = _last(said)
    more = f"; it said: {last}" if last else ""
    return Hint(f"{why}{more}", fix or _otherwise(server, log))


def words(error: BaseException) -> str:
    """Return what an error says: words of strangers, cut and cleaned as an answer is."""
    return clean(str(error) or type(error).__name__)[:_LONGEST]


def _otherwise(server: ToolServer, log: Path | None) -> str:
    if server.url:
        return f"look whether {server.url} answers from this machine, and at the log of the server"
    return f"all that it wrote is in {log}" if log else "run its command by hand, and read what it says"


def _last(said: str) -> str:
    lines = [line.strip() for line in clean(said).splitlines() if line.strip()]
    return " · ".join(lines[-_LINES:])[-_LONGEST:]


def _program(server: ToolServer, error: BaseException, said: str, stray: str) -> Hint | None:
    name, file = server.command[0], f"tools/{server.name}.yaml"
    if isinstance(error, FileNotFoundError):
        install = _INSTALL.get(name, f"install it, or write its full path into {file}")
        return Hint(f"there is no program '{name}' in any folder of PATH", install)
    if isinstance(error, PermissionError):
        return Hint(f"'{name}' may not be run", f"chmod +x it, or name its interpreter first in {file}")
    if isinstance(error, OSError) and error.errno == 8:  # ENOEXEC
        return Hint(f"'{name}' is no program of this system", f"name its interpreter first in {file}")
    if module := _MODULE.search(said):
        fix = f"install the package of '{module[1]}' for that Python, or name the Python that has it in {file}"
        return Hint("it lacks a module", fix)
    if _VERSION.search(said):
        fix = (
            f"install it with another Python, such as 'uv tool install --python 3.12 PACKAGE', and name that in {file}"
        )
        return Hint("it needs another version of Python", fix)
    if _PACKAGE.search(said):
        return Hint("its package was not found", f"check the name and version of the package in {file}")
    if stray:
        why = f"it writes '{clean(stray)[:80]}' to its standard output, where messages of MCP belong"
        return Hint(why, f"give it its option for stdio in {file}, or is it an MCP server at all?")
    return None


def _far(server: ToolServer, error: BaseException) -> Hint | None:
    file = f"tools/{server.name}.yaml"
    if isinstance(error, httpx.HTTPStatusError):
        return _status(server, error.response, file)
    if isinstance(error, httpx.ConnectError):
        fix = f"check the url in {file}, and whether the server runs"
        return Hint(f"{server.url} cannot be reached: {words(error)}", fix)
    return None


def _status(server: ToolServer, response: httpx.Response, file: str) -> Hint | None:
    status, challenge = response.status_code, response.headers.get("www-authenticate", "")
    proxy = f"or have a proxy that signs in: command: [npx, mcp-remote, '{server.url}']"
    if status == 401 and server.token:
        return Hint(f"it does not accept the token of {server.token} (401)", f"set {server.token} to a valid one")
    if status == 401:
        how = "OAuth" if "resource_metadata" in challenge or "oauth" in challenge.lower() else "a token"
        fix = f"have a token issued, and name its variable as `token` in {file}; {proxy}"
        return Hint(f"it asks for {how}, and was shown none (401)", fix)
    if status == 403:
        return Hint("it refuses whoever we are there (403)", "ask whoever runs it for the permission")
    if status == 404:
        return Hint(
            f"there is nothing at {server.url} (404)", f"mend the path of the url in {file}: often it ends in /mcp"
        )
    if status in (400, 405, 406, 415):
        fix = f"use its address for streamable HTTP in {file}, often /mcp instead of /sse; {proxy}"
        return Hint(f"it does not speak streamable HTTP there ({status}), perhaps SSE alone", fix)
    if 300 <= status < 400:
        place = clean(response.headers.get("location", ""))[:200]
        return Hint(
            f"it sends us on to {place or 'another address'} ({status}), where no token is sent",
            f"write that into {file}",
        )
    if status >= 500:
        return Hint(f"it failed ({status})", "call again later, or look at its log")
    return None
