"""One cheap read of each service that a server of ours is for: credentials, permissions, and where it will write."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from phasegate.core import Refused
from phasegate.tools.service import Patience

_PATIENCE = Patience(answer_s=10, waits_s=5, tries=2, pause_s=0.5)
_PERMISSIONS = {
    "create_issue": "CREATE_ISSUES",
    "create_exception": "CREATE_ISSUES",
    "update_issue": "EDIT_ISSUES",
    "transition_issue": "TRANSITION_ISSUES",
    "add_comment": "ADD_COMMENTS",
    "link_issues": "LINK_ISSUES",
}
"""What each tool of Jira's that writes needs in a project, by Jira's own names."""


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What a service is asked with."""

    environ: Mapping[str, str]
    """The variables that its server is given."""
    writes: frozenset[str] = frozenset()
    """Tools that are granted to write."""
    only: Mapping[str, Sequence[str]]
    """What arguments are bound to, such as `project`."""


def jira(asked: Asked) -> str:
    """Who we are, and whether we may do in each project that is named what is granted.

    Raises:
        PhasegateError: the credentials are not accepted, a permission is missing, or Jira does not answer.
    """
    from phasegate.tools.jira.client import JiraClient  # each library takes a while to load

    environ = asked.environ
    client = JiraClient(environ["JIRA_URL"], environ["JIRA_TOKEN"], environ.get("JIRA_EMAIL", ""), _PATIENCE)
    who, projects = client.myself(), asked.only.get("project", ())
    wanted = ["BROWSE_PROJECTS", *dict.fromkeys(_PERMISSIONS[name] for name in asked.writes if name in _PERMISSIONS)]
    for project in projects:
        lacking = client.lacks(project, wanted)
        if lacking:
            fix = f"ask an administrator of {project} to give it {', '.join(lacking)}"
            raise Refused(f"{who} lacks {', '.join(lacking)} in {project}", reason="forbidden", fix=fix)
    return f"as {who}{_in(projects)}"


def confluence(asked: Asked) -> str:
    """Whether the credentials are accepted, and each space that is named is there.

    Raises:
        PhasegateError: they are not, it is not, or Confluence does not answer.
    """
    from phasegate.tools.confluence.client import ConfluenceClient

    environ = asked.environ
    url, token = environ["CONFLUENCE_URL"], environ["CONFLUENCE_TOKEN"]
    client = ConfluenceClient(url, token, environ.get("CONFLUENCE_EMAIL", ""), _PATIENCE)
    client.reach()
    spaces = asked.only.get("space", ())
    for space in spaces:
        client.space(space)
    return f"the token is accepted{_in(spaces)}"


def slack(asked: Asked) -> str:
    """Who we are, whether we may post, and whether the bot is in each channel that is named.

    Raises:
        PhasegateError: the token is not accepted, a scope is missing, it is not in a channel, or Slack does not answer.
    """
    from phasegate.tools.slack.client import SlackClient

    client = SlackClient(asked.environ["SLACK_BOT_TOKEN"], asked.environ.get("SLACK_API_URL", ""), _PATIENCE)
    who, scopes = client.myself(), client.scopes()
    if scopes and "chat:write" not in scopes:
        fix = "add the scope chat:write to the app, and install it again"
        raise Refused("the bot may not post: it lacks the scope chat:write", reason="forbidden", fix=fix)
    channels = list(
        dict.fromkeys([*filter(None, [asked.environ.get("SLACK_CHANNEL")]), *asked.only.get("channel", ())])
    )
    for channel in channels:
        client.latest(channel)
    return f"as {who.user_id}{_in(channels)}"


def teams(asked: Asked) -> str:
    """That an address is set; whether it works, only a post would tell.

    Raises:
        InvalidInput: it is not https.
    """
    from phasegate.tools.teams.client import TeamsClient

    TeamsClient(asked.environ["TEAMS_WEBHOOK_URL"])
    return "the address is set; whether it works, only a post would tell"


def _in(places: Sequence[str]) -> str:
    return f", in {', '.join(places)}" if places else ""


PROBES: Mapping[str, Callable[[Asked], str]] = {"jira": jira, "confluence": confluence, "slack": slack, "teams": teams}
