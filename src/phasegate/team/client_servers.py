"""Servers as the configuration of an MCP client has them, turned into files of the team.

Clients agree on `mcpServers` (some write `servers`): by name, a `command` with `args` and `env`, or a `url` with
`headers`. What becomes of it can call nothing: no tool is listed and no role is named until a person does.
"""

import json
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from phasegate.core import InvalidInput, PhasegateError, one_line
from phasegate.core.secrets import holds_secret, is_secret_field, is_secret_name
from phasegate.team.servers import read_server

LONGEST = 1_000_000
"""Characters of a client's configuration."""
_KEYS = ("mcpServers", "servers")
_VARIABLE = re.compile(r"\$\{(?:env:|input:)?([A-Za-z_][A-Za-z0-9_-]*)(?::-[^}]*)?\}|\$([A-Za-z_][A-Za-z0-9_]*)")
_WORKSPACE = (".", "./", "${workspaceFolder}")
_HEAD = """\
# Imported by `phasegate tools import`. Nothing here can be called yet: name tools under `tools`, as `get_*: read` or
# `create_*: write`, and the roles that may call them under `roles`, such as [sre-automation].
"""


@dataclass(frozen=True, kw_only=True)
class Imported:
    """A server of a client, and its file for the team."""

    name: str
    """The file's, which may be written otherwise than the client's."""
    text: str = ""
    """YAML; empty where it could not be taken over."""
    runs: str = ""
    """What it starts or contacts, in words."""
    to_set: tuple[str, ...] = ()
    """Variables to set where Phasegate runs, whose values the client's file held or took from elsewhere."""
    notes: tuple[str, ...] = ()
    """What was left out."""
    error: PhasegateError | None = None
    """Why it was not taken over."""


def imported(text: str, taken: Collection[str] = ()) -> list[Imported]:
    """Turn the servers of a client's configuration into files.

    Args:
        text: the configuration, JSON.
        taken: names of servers that there are.

    Raises:
        InvalidInput: it is no JSON, or has no servers.
    """
    names = set(taken)
    found: list[Imported] = []
    for name, given in _servers(text).items():
        found.append(_imported(name, given, names))
        names.add(found[-1].name)
    return found


def _servers(text: str) -> Mapping[str, Any]:
    fix = """give it a client's configuration: {"mcpServers": {"NAME": {"command": "…", "args": []}}}"""
    if len(text) > LONGEST:
        raise InvalidInput(f"the configuration has more than {LONGEST:,} characters", fix=fix)
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InvalidInput(f"the configuration is no JSON: {error}", fix=f"take comments out; {fix}") from None
    found = next((document[key] for key in _KEYS if key in document), None) if isinstance(document, dict) else None
    if not isinstance(found, dict) or not found:
        raise InvalidInput("the configuration has no servers under 'mcpServers'", fix=fix)
    return found


def _imported(given_name: str, given: Any, taken: Collection[str]) -> Imported:
    name = _name(given_name)
    try:
        if not isinstance(given, dict):
            raise InvalidInput("it is no object", fix="""write {"command": …} or {"url": …}""")
        if name in taken:
            raise InvalidInput(f"there is a tools/{name}.yaml already", fix="give it another name in the client's file")
        return _taken_over(name, given)
    except PhasegateError as error:
        return Imported(name=name, error=error)


def _taken_over(name: str, given: Mapping[str, Any]) -> Imported:
    _is_supported(given)
    for key, kind in (("args", list), ("env", dict), ("headers", dict)):
        if not isinstance(given.get(key, kind()), kind):
            raise InvalidInput(f"'{key}' is no {kind.__name__}", fix="write it as clients have it")
    file: dict[str, Any] = {"name": name}
    to_set: list[str] = []
    if given.get("command"):
        file |= _program(given, to_set)
    elif given.get("url"):
        file |= _address(name, given, to_set)
    # What the client allowed is not taken over: there it was one person's own machine, and here it is a team's.
    file |= {"roles": [], "tools": {}}
    text = _HEAD + yaml.safe_dump(file, sort_keys=False, allow_unicode=True, width=100)
    server = read_server(text, f"tools/{name}.yaml", agents=[])
    return Imported(
        name=name, text=text, runs=server.runs, to_set=tuple(dict.fromkeys(to_set)), notes=tuple(_notes(given))
    )


def _is_supported(given: Mapping[str, Any]) -> None:
    kind = str(given.get("type", given.get("transport", ""))).lower()
    # Said outright: over streamable HTTP such a server fails with an error that names neither.
    if kind == "sse":
        fix = """write "command": "npx", "args": ["mcp-remote", "URL"] instead"""
        raise InvalidInput("it speaks the older SSE, which is reached through a proxy", fix=fix)


def _program(given: Mapping[str, Any], to_set: list[str]) -> dict[str, Any]:
    words = [given["command"], *given.get("args", [])]
    if not all(isinstance(word, str) for word in words):
        raise InvalidInput("'command' and 'args' hold texts", fix="write each of them in quotes")
    for before, word in zip(["", *words], words, strict=False):
        _is_plain(before, word)
    env = [_variable(name, value, to_set) for name, value in given.get("env", {}).items()]
    cwd = {"cwd": "."} if given.get("cwd") in _WORKSPACE else {}
    return {"command": words, **({"env": env} if env else {}), **cwd}


def _is_plain(before: str, word: str) -> None:
    """Refuse a word of a command that nobody would fill in, or that is a secret."""
    if _VARIABLE.search(word):
        fix = "write the value itself, or have the program read it from a variable of 'env'"
        raise InvalidInput(f"the word '{one_line(word)[:80]}' names a variable, which nothing fills in here", fix=fix)
    option, equals, value = word.partition("=")
    name = option if equals else before
    # The value of `--api-key` need not look drawn to be one.
    named = name.startswith("-") and is_secret_name(name.strip("-").replace("-", "_"))
    if holds_secret(word) or (named and not (value if equals else word).startswith("-")):
        fix = "have the program read it from a variable of 'env'"
        raise InvalidInput(f"a secret stands in the command, at '{one_line(name)[:40]}'", fix=fix)


def _variable(name: str, value: Any, to_set: list[str]) -> str | dict[str, str]:
    """Return a variable by its name where the value is a secret or comes from elsewhere, else with its value."""
    text = value if isinstance(value, str) else json.dumps(value)
    is_secret = is_secret_name(name) or is_secret_field(name, text) or holds_secret(text, name)
    if text and not is_secret and not _VARIABLE.search(text):
        return {name: text}
    to_set.append(name)
    return name


def _address(name: str, given: Mapping[str, Any], to_set: list[str]) -> dict[str, Any]:
    found: dict[str, Any] = {"url": given["url"]}
    headers: dict[str, str] = {}
    for header, value in given.get("headers", {}).items():
        bearer = header.lower() == "authorization" and str(value).lower().startswith("bearer ")
        elsewhere = _VARIABLE.fullmatch(str(value)[len("bearer ") :] if bearer else str(value))
        variable = (elsewhere[1] or elsewhere[2]) if elsewhere else f"{name}_{'token' if bearer else header}"
        variable = re.sub(r"[^A-Z0-9]+", "_", variable.upper())
        to_set.append(variable)
        if bearer:
            found["token"] = variable
        else:
            headers[header] = variable
    return {**found, **({"headers": headers} if headers else {})}


def _notes(given: Mapping[str, Any]) -> Iterator[str]:
    if given.get("cwd") and given["cwd"] not in _WORKSPACE:
        yield "'cwd' is left out: a program starts outside of the repository, or at its top with `cwd: .`"
    if given.get("autoApprove") or given.get("alwaysAllow"):
        yield "tools that the client lets through without asking are not taken over: nothing is allowed here yet"
    if given.get("disabled"):
        yield "the client has it switched off"


def _name(given: str) -> str:
    """Return the name of a file for a server.

    >>> _name("AWS Cost_Explorer"), _name("42"), _name("awslabs.cost-mcp")
    ('aws-cost-explorer', 'server-42', 'awslabs-cost-mcp')
    """
    plain = re.sub(r"[^a-z0-9]+", "-", given.lower()).strip("-")
    return plain if plain[:1].isalpha() else f"server-{plain}".strip("-")
