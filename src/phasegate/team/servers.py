"""A server of tools: how it is reached, what each of its tools may do, and which roles may call it."""

import shlex
from collections.abc import Mapping
from enum import StrEnum
from fnmatch import fnmatchcase
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from phasegate.core import visible
from phasegate.core.linear_pattern import fault
from phasegate.core.secrets import find_secrets, holds_secret, is_secret_field
from phasegate.team.documents import read_yaml, refused, validated
from phasegate.team.flow import Name

OURS = ("phasegate", "mcp")
"""What the command of a server of ours begins with; it is run from this very installation."""
_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_GLOB = set("*?[")


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class Effect(StrEnum):
    """Effect of a call on the world, by our file rather than by the server's hints."""

    read = "read"
    """Changes nothing."""
    write = "write"
    """Adds or changes; only where a manager's grant covers it."""
    destructive = "destructive"
    """Takes away what cannot be had again; no agent calls it."""


def _linear(pattern: str) -> str:
    if found := fault(pattern):
        raise ValueError(f"{pattern[:60]!r} cannot be matched: {found}")
    return pattern


ArgumentPath = Annotated[str, Field(pattern=r"^[^.\s\[\]]+(\.[^.\s\[\]]+)*$")]
Bound = Annotated[str, AfterValidator(_linear)] | tuple[str, ...]


class Rule(_Strict):
    """Rules of a tool."""

    effect: Effect
    roles: tuple[Name, ...] | None = None
    """Who may call it; left out: the roles of the server."""
    per_minute: int = Field(default=60, ge=1, le=10_000)
    """Calls a minute, of all roles and runs of a worker."""
    seconds: float = Field(default=30, gt=0, le=600)
    """How long a call may take."""
    bounds: Mapping[ArgumentPath, Bound] = {}
    """Values of arguments by their path, such as `parameters.cluster`: a list, or a regular expression that the whole
    value matches; of a list, each of its items. An argument that is left out counts as the empty text."""
    found_by: str = Field(default="", pattern=r"^[A-Za-z0-9_.-]*$")
    """The tool of the same server that finds what this one made, by those of its arguments that both take; it is asked
    where the answer of a write was lost."""


def _short(value: Any) -> Any:
    return {"effect": value} if isinstance(value, str) else value


def _variables(value: Any) -> Any:
    """Return variables as a mapping: a list holds names, and mappings of names to fixed values."""
    if not isinstance(value, list | tuple):
        return value
    return {name: item for each in value for name, item in (each if isinstance(each, dict) else {each: None}).items()}


Variable = Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9_]*$")]
Variables = Annotated[
    Mapping[Variable, str | None],
    BeforeValidator(
        _variables, json_schema_input_type=list[Variable | dict[Variable, str]] | dict[Variable, str | None]
    ),
]


class ServerFile(_Strict):
    """An MCP server, as `tools/<name>.yaml` describes it."""

    name: Name
    """The file's name without `.yaml`; its tools are called `name.tool`."""
    title: str = ""
    """What it is for, a few words."""
    command: tuple[str, ...] = ()
    """The program and its words, spoken to over stdio; `[phasegate, mcp, NAME]` is one of ours."""
    url: str = Field(default="", pattern=r"^(https?://\S+)?$")
    """Or its address, spoken to over streamable HTTP; without TLS on this machine alone."""
    token: str = Field(default="", pattern=r"^([A-Z][A-Z0-9_]*)?$")
    """The variable that holds the bearer token for the address."""
    headers: Mapping[Annotated[str, Field(pattern=r"^[A-Za-z0-9-]+$")], Variable] = {}
    """Headers that the address is shown, each with the variable that holds its value."""
    env: Variables = {}
    """Variables that the program is given, and it sees no other of ours: names, or `NAME: value` where the value is
    fixed."""
    cwd: str = ""
    """The folder that the program starts in, from the top of the repository; left out: one outside of it."""
    needs: tuple[Variable, ...] = ()
    """Variables without which the server is left out."""
    roles: tuple[Name, ...] = ()
    """Who may call its tools; `phasegate` is the engine itself."""
    tools: Mapping[str, Annotated[Rule, BeforeValidator(_short)]]
    """By name, or by a pattern such as `get_*`: `read`, `write`, `destructive`, or a rule. A name comes before a
    pattern, an earlier pattern before a later one; what none names cannot be called, and `{}` names none."""
    only: Mapping[str, tuple[str, ...]] = {}
    """Values that an argument of this name may have, such as `region: [eu-west-1]`; of a list, each of its items."""

    @model_validator(mode="after")
    def _holds_together(self) -> Self:
        if bool(self.command) == bool(self.url):
            raise ValueError("a server has either a 'command' or a 'url'")
        parts = urlsplit(self.url)
        # The token would cross the network in the clear.
        if parts.scheme == "http" and parts.hostname not in _LOOPBACK:
            raise ValueError("an address on another machine begins with https://")
        if (self.token or self.headers) and not self.url:
            raise ValueError("a 'token' goes to a 'url', and so do 'headers'; a program finds its own in 'env'")
        if self.cwd and not self.command:
            raise ValueError("a 'cwd' is for a 'command'")
        if parts.username or parts.password:
            raise ValueError("no password in the address: name the variable of a 'token'")
        self._has_no_secret()
        return self

    def _has_no_secret(self) -> None:
        fixed = [(name, value) for name, value in self.env.items() if value]
        for name, value in fixed:
            if holds_secret(value, name) or is_secret_field(name, value):
                raise ValueError(
                    f"the value of '{name}' looks like a secret: write the name alone, and set it where Phasegate runs"
                )
        if find_secrets(self.url) or any(map(holds_secret, self.command)):
            raise ValueError(
                "a secret stands in the 'command' or 'url': have the program read it from a variable of 'env', or name"
                " that of a 'token' or of 'headers'"
            )

    @property
    def has_aws(self) -> bool:
        """True if the server gets AWS credentials, with which its arguments may reach AWS."""
        return any(name.startswith("AWS_") for name in self.env)

    @property
    def runs(self) -> str:
        """Return the effect of starting it in words: `runs 'npx evil', is given AWS_PROFILE, with READ_ONLY=true`."""
        words = f"contacts {self.url}" if self.url else f"runs '{shlex.join(self.command)}'"
        given = [*(name for name, value in self.env.items() if value is None), *([self.token] if self.token else [])]
        fixed = [f"{name}={value}" for name, value in self.env.items() if value is not None]
        parts = [
            words,
            f"in {self.cwd}" if self.cwd else "",
            f"{'shows it' if self.url else 'is given'} {', '.join([*given, *self.headers.values()])}"
            if given or self.headers
            else "",
            f"with {', '.join(fixed)}" if fixed else "",
        ]
        return visible(", ".join(filter(None, parts)))

    def missing(self, environ: Mapping[str, str]) -> list[str]:
        """Variables that it needs and that are not set."""
        wanted = dict.fromkeys((*self.needs, *([self.token] if self.token else []), *self.headers.values()))
        return [name for name in wanted if not (self.env.get(name) or environ.get(name, "")).strip()]

    def rule(self, tool: str) -> Rule | None:
        """Return the rule of a tool, or None where nothing names the tool."""
        # A tool may be named `get_*` by its server: as a name it would have a pattern's rule.
        if tool in self.tools and not _GLOB & set(tool):
            return self.tools[tool]
        return next((self.tools[pattern] for pattern in self._patterns if fnmatchcase(tool, pattern)), None)

    def callers(self, tool: str) -> tuple[str, ...]:
        """Roles that may call that tool."""
        rule = self.rule(tool)
        return () if rule is None else self.roles if rule.roles is None else rule.roles

    def has_caller(self, role: str) -> bool:
        """Return whether the role may call any tool of the server."""
        return any(role in (self.roles if rule.roles is None else rule.roles) for rule in self.tools.values())

    @cached_property
    def _patterns(self) -> list[str]:
        return [pattern for pattern in self.tools if _GLOB & set(pattern)]


class ToolServer(ServerFile):
    """A server, and whether this installation vouches for what it starts or contacts."""

    definition: str = ""
    """The digest of what a manager has to grant before anything is started or contacted, files of the repository that
    are started included; empty: shipped with this installation, byte for byte."""
    top: Path | None = None
    """The repository whose file describes it."""

    @property
    def ours(self) -> bool:
        """True if the server comes with this installation."""
        return self.command[:2] == OURS and not self.definition


ENGINE = "phasegate"
"""The engine itself, where `roles` names it: what mirrors a run is called by no agent. No card has this name."""


def read_server(text: str, path: str, *, agents: list[str]) -> ServerFile:
    """Read a server's file.

    Args:
        text: YAML.
        path: where it stands, for messages.
        agents: the roles that there are.

    Raises:
        InvalidInput: with file, line and fix for each thing that does not hold.
    """
    document = read_yaml(text, path, check="tools-lint")
    server = validated(document, ServerFile)
    expected = path.rsplit("/", 1)[-1].removesuffix(".yaml")
    if server.name != expected:
        message = f"the server is named {server.name!r} and its file {expected!r}"
        raise refused(path, [document.finding("name", ("name",), message, f"Write `name: {expected}`.")])
    named = {*server.roles, *(role for rule in server.tools.values() for role in rule.roles or ())}
    unknown = sorted(named - {*agents, ENGINE})
    if unknown:
        message = f"there is no role {unknown[0]!r}"
        fix = f"Name some of: {', '.join(agents)}."
        raise refused(path, [document.finding("role", ("roles",), message, fix)])
    return server
