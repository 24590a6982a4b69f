"""Cheap reads of each service: credentials, permissions, and targets of writes."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from phasegate.app.config import Mirror
from phasegate.core import InvalidInput, Refused
from phasegate.tools.servers.http_calls import RetryPolicy
from phasegate.tools.servers.jira.screens import lacking

if TYPE_CHECKING:
    from phasegate.tools.servers.jira.client import JiraClient

_PATIENCE = RetryPolicy(answer_s=10, waits_s=5, tries=2, pause_s=0.5)
# What each tool of Jira's that writes needs in a project, by Jira's own names.
_PERMISSIONS = {
    "create_issue": "CREATE_ISSUES",
    "create_exception": "CREATE_ISSUES",
    "update_issue": "EDIT_ISSUES",
    "transition_issue": "TRANSITION_ISSUES",
    "add_comment": "ADD_COMMENTS",
    "link_issues": "LINK_ISSUES",
}


@dataclass(frozen=True, kw_only=True)
class Asked:
    """Settings of a service's check."""

    environ: Mapping[str, str]
    """The variables that its server is given."""
    writes: frozenset[str] = frozenset()
    """Tools that are granted to write."""
    only: Mapping[str, Sequence[str]]
    """What arguments are bound to, such as `project`."""
    mirror: Mirror = field(default_factory=Mirror)
    """The channels that runs are told in."""


def jira(asked: Asked) -> str:
    """Check the account, and its permissions in each named project for the granted tools.

    Raises:
        PhasegateError: the credentials are not accepted, a permission is missing, or Jira does not answer.
    """
    from phasegate.tools.servers.jira.client import JiraClient  # each library takes a while to load

    environ = asked.environ
    client = JiraClient(environ["JIRA_URL"], environ["JIRA_TOKEN"], environ.get("JIRA_EMAIL", ""), _PATIENCE)
    who, projects = client.myself(), asked.only.get("project", ())
    # Only what was granted: a repository whose agents read need not have an account that writes.
    wanted = ["BROWSE_PROJECTS", *dict.fromkeys(_PERMISSIONS[name] for name in asked.writes if name in _PERMISSIONS)]
    for project in projects:
        missing = client.lacks(project, wanted)
        if missing:
            fix = f"ask an administrator of {project} to give it {', '.join(missing)}"
            raise Refused(f"{who} lacks {', '.join(missing)} in {project}", reason="forbidden", fix=fix)
    if asked.mirror.jira:
        _takes_tickets(client, asked.mirror)
    return f"as {who}{_in(projects)}"


def _takes_tickets(client: "JiraClient", mirror: Mirror) -> None:
    """Hold the configuration against the project's types, statuses and screens.

    Raises:
        InvalidInput: a ticket could not be made, or moved, as it is configured.
    """
    assert mirror.jira
    config, project = mirror.jira, mirror.jira.project
    kinds = client.kinds(project)
    kind = next((each for each in kinds if each.name.lower() == config.type.lower()), None)
    if kind is None:
        names = ", ".join(each.name for each in kinds if not each.subtask)
        raise InvalidInput(f"{project} has no type '{config.type}'", fix=f"set [mirror.jira] type to one of: {names}")
    if config.subtasks and not any(each.subtask for each in kinds):
        raise InvalidInput(f"{project} has no sub-tasks", fix="set [mirror.jira] subtasks to false")
    known = {each.name.lower(): each.name for each in kind.statuses}
    strange = [name for name in config.statuses.values() if name.lower() not in known]
    if strange:
        fix = f"set [mirror.jira] statuses to some of: {', '.join(known.values())}"
        raise InvalidInput(f"{project} has no status '{strange[0]}'", fix=fix)
    screen = client.screen(project, kind.name)
    needed = lacking({**dict.fromkeys(_GIVEN, ""), **config.fields}, screen)
    if needed:
        fix = f'give a value under [mirror.jira] fields: fields = {{"{needed[0]}" = "…"}}'
        raise InvalidInput(f"a {kind.name} of {project} needs {', '.join(needed)}", fix=fix)
    if not any("labels" in (each.id, each.key) for each in screen):
        fix = f"ask an administrator of {project} to put the field Labels on the screen"
        raise InvalidInput(f"a {kind.name} of {project} takes no labels, by which tickets are found again", fix=fix)


_GIVEN = ("summary", "description", "labels", "project", "issuetype", "reporter")


def confluence(asked: Asked) -> str:
    """Check that the credentials are accepted, and that each named space exists.

    Raises:
        PhasegateError: they are not, it is not, or Confluence does not answer.
    """
    from phasegate.tools.servers.confluence.client import ConfluenceClient

    environ = asked.environ
    url, token = environ["CONFLUENCE_URL"], environ["CONFLUENCE_TOKEN"]
    client = ConfluenceClient(url, token, environ.get("CONFLUENCE_EMAIL", ""), _PATIENCE)
    client.reach()
    spaces = asked.only.get("space", ())
    for space in spaces:
        client.space(space)
    page = client.exists(_parent(asked)) if _parent(asked) else None
    if _parent(asked) and (page is None or page.status != "current"):
        says = f"there is no page {_parent(asked)} to publish below"
        raise InvalidInput(says, fix="set [mirror.confluence] parent to the id of a page, or leave it out")
    return f"the token is accepted{_in(spaces)}"


def _parent(asked: Asked) -> str:
    return asked.mirror.confluence.parent if asked.mirror.confluence else ""


def slack(asked: Asked) -> str:
    """Check the account, its permission to post, and the bot's membership of each named channel.

    Raises:
        PhasegateError: the token is not accepted, a scope is missing, it is not in a channel, or Slack does not answer.
    """
    from phasegate.tools.servers.slack.client import SlackClient

    client = SlackClient(asked.environ["SLACK_BOT_TOKEN"], asked.environ.get("SLACK_API_URL", ""), _PATIENCE)
    who, scopes = client.myself(), client.scopes()
    if scopes and "chat:write" not in scopes:
        fix = "add the scope chat:write to the app, and install it again"
        raise Refused("the bot may not post: it lacks the scope chat:write", reason="forbidden", fix=fix)
    configured = [asked.environ.get("SLACK_CHANNEL"), asked.mirror.slack.channel if asked.mirror.slack else ""]
    channels = list(dict.fromkeys([*filter(None, configured), *asked.only.get("channel", ())]))
    for channel in channels:
        # Reading shows what posting needs as well: the bot is a member of the channel.
        client.latest(channel)
        if client.channel(channel).archived:
            fix = "unarchive it in Slack, or set [mirror.slack] channel to another"
            raise InvalidInput(f"the channel {channel} is archived", fix=fix)
    return f"as {who.user_id}{_in(channels)}"


def teams(asked: Asked) -> str:
    """Check that an address is set, since only a post would show that it works.

    Raises:
        InvalidInput: it is not https.
    """
    from phasegate.tools.servers.teams.client import TeamsClient

    TeamsClient(asked.environ["TEAMS_WEBHOOK_URL"])
    return "the address is set; whether it works, only a post would tell"


def _in(places: Sequence[str]) -> str:
    return f", in {', '.join(places)}" if places else ""


PROBES: Mapping[str, Callable[[Asked], str]] = {"jira": jira, "confluence": confluence, "slack": slack, "teams": teams}
