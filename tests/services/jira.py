"""A local Jira: REST versions 2 and 3 of the Cloud, or version 2 of a Data Center; state a test can read and change."""

import base64
import binascii
from itertools import count
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import Response

from services.faults import Faults
from services.jira_routes import offered, routes
from services.jira_state import (
    ISSUE_TYPES,
    MOST,
    SCREEN,
    STATUSES,
    SUBTASK,
    Comment,
    Issue,
    Link,
    Person,
    Refusal,
    Ticking,
    Transition,
    change,
    checked,
    long,
)
from services.query import QueryError, select
from services.shapes import Shapes

BOT = Person(name="Phasegate", email="phasegate@example.com", token="jira-token")


class JiraService:
    """`deployment` is Cloud (basic: e-mail and token) or Server (bearer: token)."""

    def __init__(self, *, deployment: str = "Cloud", projects: tuple[str, ...] = ("PG", "OPS")) -> None:
        self.deployment, self.projects = deployment, projects
        self.issues: dict[str, Issue] = {}
        self.links: list[Link] = []
        self.unindexed: set[str] = set()
        """Issues that search does not know yet, as on a Cloud that has just made them."""
        self.forbidden: set[str] = set()
        """Permissions that nobody has, in any project."""
        self.types = ISSUE_TYPES
        """Issue types, and their ids."""
        self.workflow: tuple[Transition, ...] = ()
        """Instead of the usual one."""
        self.screen, self.required = SCREEN, set[str]()
        """Fields of the screen for creating and editing, and those that are required besides the summary."""
        self.accounts: set[str] = set()
        """Account ids that can be assigned."""
        self.blocks_closing = True
        """Whether open sub-tasks keep their parent from a status of the category Done."""
        self.people = [BOT]
        self.faults = Faults()
        self.shapes = Shapes("jira")
        self._ids, self._clock = count(10001), Ticking()
        self.app = FastAPI(openapi_url=None)
        self.app.add_exception_handler(Refusal, self._refused)
        self.app.include_router(routes(self), prefix="/rest/api/{version}")

    def add(self, summary: str, *, project: str = "PG", by: Person = BOT, **fields: Any) -> Issue:
        """An issue made without the API."""
        number = 1 + max((int(key.split("-")[1]) for key in self.issues if key.startswith(f"{project}-")), default=0)
        now = self._clock.read()
        fields = {"type": "Task", **fields}
        issue = Issue(
            id=str(next(self._ids)),
            key=f"{project}-{number}",
            summary=summary,
            creator=by,
            created=now,
            updated=now,
            **fields,
        )
        self.issues[issue.key] = issue
        return issue

    def edit(self, key: str, by: Person, **fields: Any) -> None:
        """Changes fields, with an entry in the history."""
        issue = self.find(key)
        items = [
            change(name, getattr(issue, name), value) for name, value in fields.items() if getattr(issue, name) != value
        ]
        for name, value in fields.items():
            setattr(issue, name, value)
        if items:
            issue.record(str(next(self._ids)), by, self._clock.read(), items)

    def say(self, key: str, by: Person, body: Any, properties: list[dict[str, Any]] | None = None) -> Comment:
        """Adds a comment."""
        if long(body):
            raise Refusal(400, comment=f"The entered text is too long. It exceeds the allowed limit of {MOST:,}.")
        issue, now = self.find(key), self._clock.read()
        comment = Comment(id=str(next(self._ids)), author=by, body=body, created=now, properties=properties or [])
        issue.comments.append(comment)
        issue.updated = now
        return comment

    def link(self, type_name: str, start: str, to: str, by: Person = BOT) -> None:
        """Links two issues; doing it again changes nothing, as in Jira."""
        link = next((made for made in self.links if (made.type, made.start, made.to) == (type_name, start, to)), None)
        if link is None:
            self.links.append(Link(id=str(next(self._ids)), type=type_name, start=start, to=to))
            self.find(start).record(
                str(next(self._ids)), by, self._clock.read(), [change("Link", None, f"{type_name} {to}")]
            )

    def find(self, key: str) -> Issue:
        """The issue of a key or id."""
        for issue in self.issues.values():
            if key in (issue.key, issue.id):
                return issue
        raise Refusal(404, "Issue does not exist or you do not have permission to see it.")

    def person(self, request: Request) -> Person:
        """Whose credentials a request shows."""
        scheme, _, shown = request.headers.get("authorization", "").partition(" ")
        try:
            wanted = base64.b64decode(shown).decode() if scheme == "Basic" else shown
        except (binascii.Error, UnicodeDecodeError):
            wanted = ""
        for person in self.people:
            if person.token and wanted == (
                f"{person.email}:{person.token}" if self.deployment == "Cloud" else person.token
            ):
                return person
        raise Refusal(401, "Client must be authenticated to access this resource.")

    def search(self, jql: str) -> list[Issue]:
        """The issues that a query finds; an empty one is refused, as on the Cloud."""
        if not jql.strip():
            raise Refusal(
                400, "Unbounded JQL queries are not allowed here. Please add a search restriction to your query."
            )
        known = [issue for key, issue in self.issues.items() if key not in self.unindexed]
        try:
            return select(jql, known, _values)
        except QueryError as error:
            raise Refusal(400, str(error)) from error

    def create(self, body: dict[str, Any], by: Person) -> Issue:
        """What POST issue does."""
        fields = body.get("fields", {})
        project, kind = fields.get("project", {}).get("key", ""), fields.get("issuetype", {}).get("name", "")
        if project not in self.projects:
            raise Refusal(400, project="valid project is required")
        if kind not in self.types:
            raise Refusal(400, issuetype="Specify a valid issue type")
        parent = fields.get("parent", {}).get("key", "")
        self._parent(project, kind, parent)
        given = {name: value for name, value in fields.items() if name not in ("project", "issuetype", "parent")}
        good = dict(checked(given, self.screen))
        if not good.get("summary", "").strip():
            raise Refusal(400, summary="You must specify a summary of the issue.")
        if lacking := sorted(self.required - set(good)):
            raise Refusal(400, **{name: f"{name} is required." for name in lacking})
        person = self._assigned(good.pop("assignee", None))
        own = {name: good.pop(name) for name in ("description", "labels", "duedate") if name in good}
        return self.add(
            good.pop("summary"),
            project=project,
            by=by,
            type=kind,
            parent=parent,
            assignee=person,
            more=good,
            **own,
        )

    def _parent(self, project: str, kind: str, parent: str) -> None:
        if self.types[kind] == SUBTASK and not parent:
            raise Refusal(400, parent="Issue type is a sub-task but parent issue key or id not specified.")
        if not parent:
            return
        above = self.find(parent)
        if above.project != project:
            raise Refusal(400, parent="The parent is in another project.")
        if self.types[kind] == SUBTASK:
            if self.types.get(above.type) in (SUBTASK, self.types.get("Epic")):
                raise Refusal(400, parent="Given parent issue does not belong to the appropriate hierarchy.")
        elif above.type != "Epic":
            raise Refusal(400, parent="Given parent issue does not belong to the appropriate hierarchy.")

    def _assigned(self, given: Any) -> Person | None:
        if given is None:
            return None
        account = str(given.get("accountId") or given.get("id") or given.get("name") or "")
        if account not in self.accounts:
            raise Refusal(400, assignee=f"User '{account}' cannot be assigned issues.")
        return Person(name=account, email=f"{account}@example.com")

    def transit(self, issue: Issue, id: str, by: Person) -> None:
        """What POST transitions does."""
        for way in offered(self, issue):
            if way.id == id:
                return self.edit(issue.key, by, status=way.to)
        raise Refusal(400, f"It seems that you have tried to perform an illegal workflow operation ({id}).")

    async def _refused(self, _: Request, refusal: Exception) -> Response:
        assert isinstance(refusal, Refusal)
        return self.shapes.answer(
            "errors", {"errorMessages": refusal.messages, "errors": refusal.errors}, refusal.status
        )


def _values(issue: Issue, name: str) -> list[str] | None:
    known = {
        "project": [issue.project],
        "key": [issue.key],
        "labels": issue.labels,
        "status": [issue.status],
        "statuscategory": [STATUSES[issue.status]],
        "summary": [issue.summary],
        "text": [issue.summary, str(issue.description), *(str(comment.body) for comment in issue.comments)],
        "duedate": [issue.duedate] if issue.duedate else [],
        "due": [issue.duedate] if issue.duedate else [],
        "parent": [issue.parent] if issue.parent else [],
        "issuetype": [issue.type],
        "created": [issue.created],
        "updated": [issue.updated],
    }
    return known.get(name)
