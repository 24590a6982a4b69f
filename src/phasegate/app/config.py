"""`phasegate.toml`: what a target repository says of itself."""

import ipaddress
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from phasegate.core import InvalidInput, plain_toml
from phasegate.ledger import PublicKey
from phasegate.models.settings import Models
from phasegate.team import ASSISTANT, COMPILER
from phasegate.trust import ManagerRow, require_distinct
from phasegate.workflow import Manager

NAME = "phasegate.toml"
MODEL = rf"^({COMPILER}|{ASSISTANT}|[a-z_]+:\S+)?$"
"""The compiler, the team's own assistant, or a chat model as `init_chat_model` names it."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class Project(_Strict):
    """The package that the runs release."""

    name: str = Field(pattern=r"^[a-z0-9]([a-z0-9._-]*[a-z0-9])?$")
    """Its name on a package index."""
    package: str = Field(pattern=r"^[a-z_][a-z0-9_]*$")
    """Its Python package."""


class Work(_Strict):
    """Settings of the team's work."""

    flow: str = "sdlc"
    """The workflow: `graphs/NAME.yaml`."""
    model: str = Field(default="", pattern=MODEL)
    """Who works as every role: `compiler`, `assistant` or a chat model as `PROVIDER:MODEL`; empty: whom cards name."""
    concurrency: int = Field(default=0, ge=0, le=1000)
    """Segments that each worker works on at a time; 0: as many as it may use cores."""


class RoleRow(_Strict):
    """Settings of one role."""

    model: str = Field(default="", pattern=MODEL)
    """Who works as this role, in place of whom `[work]` and its card name."""
    tokens: int | None = Field(default=None, gt=0)
    """Limits in place of the card's, here and below; left out: the card's."""
    money_usd: float | None = Field(default=None, gt=0)
    calls: int | None = Field(default=None, gt=0)
    seconds: int | None = Field(default=None, gt=0)
    rounds: int | None = Field(default=None, ge=1, le=10)
    steps: int | None = Field(default=None, ge=1, le=1000)

    @property
    def limits(self) -> dict[str, float]:
        """The limits that are given here."""
        names = ("tokens", "money_usd", "calls", "seconds", "rounds", "steps")
        return {name: getattr(self, name) for name in names if getattr(self, name) is not None}


class Index(_Strict):
    """Settings of the package index."""

    path: str = ""
    """A local folder, from the top of the repository, that installers can read; empty: one in the state directory."""


class Aws(_Strict):
    """Settings of the AWS account in which a released runbook is tried and resources are counted, both read only."""

    endpoint_url: str = ""
    """Empty: it is not tried against an account."""
    region: str = "us-east-1"
    as_of: str = ""
    """The time to judge by, in ISO 8601; empty: now."""
    inventory: tuple[str, ...] = ()
    """Regions in which architect and SRE count what the runbook will list; empty: nobody looks."""
    accounts: tuple[Annotated[str, Field(pattern=r"^([0-9]{12})?$")], ...] = ("",)
    """Accounts to count in; `""` is that of the credentials."""

    def environment(self, outer: Mapping[str, str]) -> dict[str, str]:
        """Return the variables with which AWS clients reach the endpoint.

        Args:
            outer: the environment whose AWS variables are kept. Without an access key in it, placeholders serve: an
                endpoint that stands in for AWS asks for some credentials, and takes any.
        """
        kept = {name: value for name, value in outer.items() if name.startswith("AWS_")}
        if "AWS_ACCESS_KEY_ID" not in kept:
            kept = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing"}
        return {**kept, "AWS_ENDPOINT_URL": self.endpoint_url}


class JiraMirror(_Strict):
    """A ticket for each run."""

    project: str = Field(pattern=r"^[A-Za-z][A-Za-z0-9_]*$", max_length=50)
    """The project's key."""
    type: str = "Task"
    """The type of a run's ticket, and of an exception's."""
    subtasks: bool = False
    """Whether each task of the plan becomes a sub-task, closed at the end; else they are a list in the description."""
    subtask_type: str = "Sub-task"
    """Where the project has no such type, its own type of sub-tasks is taken."""
    fields: dict[str, str | int | float | list[str] | dict[str, str]] = {}
    """More fields by id or name, set where a ticket is created or moved on a screen that has them."""
    statuses: dict[Literal["working", "waiting", "parked", "released", "rejected"], str] = {}
    """The ticket's status by where its run is; what is left out moves nothing."""


class ConfluenceMirror(_Strict):
    """Pages of what was released."""

    space: str = Field(pattern=r"^~?[A-Za-z0-9_.:-]+$", max_length=255)
    """The space's key."""
    parent: str = Field(default="", pattern=r"^[0-9]*$")
    """The id of the page that they lie under; empty: at the top of the space."""


class SlackMirror(_Strict):
    """Cards of gates, and messages, in a channel."""

    channel: str = Field(pattern=r"^[CDG][A-Z0-9]{2,30}$")
    """The channel's id."""


class TeamsMirror(_Strict):
    """Cards in the channel of the incoming workflow."""


class Mirror(_Strict):
    """Settings of notification channels, where a table that is left out switches its channel off."""

    link: str = Field(default="", pattern=r"^(https?://[^\s?#]+)?$")
    """The page's address as people reach it; empty: messages have no link."""
    digest_at: str = Field(default="", pattern=r"^(([01][0-9]|2[0-3]):[0-5][0-9])?$")
    """When the day's digest is sent, such as `07:00`, in `timezone`; empty: none."""
    timezone: str = "UTC"
    """The team's time zone, such as `Europe/Berlin`: times in messages are of it, and name it."""
    jira: JiraMirror | None = None
    confluence: ConfluenceMirror | None = None
    slack: SlackMirror | None = None
    teams: TeamsMirror | None = None

    @field_validator("timezone")
    @classmethod
    def _is_known(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (ValueError, OSError, KeyError) as error:
            raise ValueError(f"there is no time zone '{name}'; name one such as Europe/Berlin") from error
        return name

    @property
    def zone(self) -> ZoneInfo:
        """The team's time zone."""
        return ZoneInfo(self.timezone)

    @property
    def places(self) -> tuple[str, ...]:
        """Names of the servers that it goes through."""
        return tuple(name for name in ("jira", "confluence", "slack", "teams") if getattr(self, name) is not None)


class Trust(_Strict):
    """Settings of the root of trust. Its keys here, and those of managers, groups, demo, index.path, aws.endpoint_url
    and work.flow, count once managers have signed them: `phasegate trust sign`."""

    threshold: int = Field(default=1, ge=1, le=100)
    """Managers who have to sign the next version of the root."""


class Config(_Strict):
    """The whole file."""

    project: Project
    work: Work = Work()
    roles: dict[str, RoleRow] = {}
    """By the name of the role's card."""
    models: Models = Models()
    index: Index = Index()
    aws: Aws = Aws()
    mirror: Mirror = Mirror()
    trust: Trust = Trust()
    managers: tuple[ManagerRow, ...] = ()
    groups: dict[str, tuple[str, ...]] = {}
    """Managers' names by the name of a group, which a gate can list as `group:NAME`."""
    demo: bool = False
    """Written by `phasegate demo` alone; a policy that is made for demonstrations works nowhere else."""

    @field_validator("managers")
    @classmethod
    def _each_is_one_person(cls, managers: tuple[ManagerRow, ...]) -> tuple[ManagerRow, ...]:
        require_distinct(managers)
        return managers

    @property
    def loopback_endpoint(self) -> bool:
        """Return whether the AWS endpoint is on this machine."""
        host = urlsplit(self.aws.endpoint_url).hostname or ""
        try:
            return ipaddress.ip_address(host).is_loopback
        except ValueError:
            return host == "localhost"

    def people(self) -> dict[str, Manager]:
        """Managers by name."""
        return people(self.managers, self.groups)


def people(rows: Sequence[ManagerRow], groups: Mapping[str, Sequence[str]]) -> dict[str, Manager]:
    """Managers by name, each with the groups that list them."""
    return {
        row.name: Manager(
            name=row.name,
            card=row.card,
            public_key=PublicKey.parse(row.public_key),
            groups=tuple(group for group, names in groups.items() if row.name in names),
            slack=row.slack,
        )
        for row in rows
    }


def read_config(folder: Path) -> Config:
    """Reads the file at the top of a target repository.

    Raises:
        InvalidInput: there is none, or it does not hold.
    """
    path = folder / NAME
    try:
        return parse_config(path.read_text(encoding="utf-8"), path)
    except FileNotFoundError as error:
        raise InvalidInput(
            f"'{folder}' is not a target repository: it has no {NAME}",
            fix="go into yours, or make one: 'phasegate init DIR'",
        ) from error
    except UnicodeDecodeError as error:
        raise InvalidInput(f"'{path}' is not TOML: {error}", fix="mend the line it names") from error


def parse_config(text: str, path: Path) -> Config:
    """Reads the text of the file.

    Raises:
        InvalidInput: it does not hold.
    """
    try:
        return Config.model_validate(plain_toml.read(text, str(path)))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise InvalidInput(f"'{path}': {where}: {first['msg']}", fix="docs/configuration.md lists every key") from error
