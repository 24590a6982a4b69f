"""Slack settings of the environment."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self

TOKEN, SECRET, APP, URL = "SLACK_BOT_TOKEN", "SLACK_SIGNING_SECRET", "SLACK_APP_TOKEN", "SLACK_API_URL"


@dataclass(frozen=True, kw_only=True)
class Environment:
    """Slack variables, where an empty one is not set."""

    token: str = field(default="", repr=False)
    """The bot's."""
    secret: str = field(default="", repr=False)
    """What Slack signs requests with."""
    app_token: str = field(default="", repr=False)
    """For socket mode."""
    url: str = ""
    """The address of the Web API, where it is not Slack's own."""

    @classmethod
    def read(cls, environ: Mapping[str, str]) -> Self:
        """Read the process's environment."""
        values = [environ.get(name, "").strip() for name in (TOKEN, SECRET, APP, URL)]
        return cls(token=values[0], secret=values[1], app_token=values[2], url=values[3])

    @property
    def usable(self) -> bool:
        """True if clicks can come in and be answered."""
        return bool(self.token and (self.secret or self.app_token))

    def missing(self, *, socket: bool = False) -> list[str]:
        """Return the missing variables where some of Slack's are set, those of socket mode with `socket`."""
        if not (self.token or self.secret or self.app_token or socket):
            return []
        way = [APP] if socket else [f"{SECRET} or {APP}"]
        has_way = self.app_token if socket else self.secret or self.app_token
        return [*([] if self.token else [TOKEN]), *([] if has_way else way)]
