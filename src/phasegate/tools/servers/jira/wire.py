"""Answers of Jira as far as they are read, unreadable where they do not fit."""

from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from phasegate.tools.servers.jira import results

LONGEST = 8000
FIELDS = ["summary", "status", "issuetype", "labels", "assignee", "updated", "duedate", "parent"]
"""What lists ask for."""
EXCEPTION = "phasegate.exception"
"""The issue property that holds what an exception covers."""


class Wire(BaseModel):
    """A part of an answer."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Named(Wire):
    """A status, an issue type."""

    name: str


class Category(Wire):
    """Category of a status on a board."""

    key: str = ""
    """`new`, `indeterminate` or `done`."""


class Status(Named):
    """A status."""

    category: Category = Field(alias="statusCategory", default=Category())

    @property
    def rank(self) -> int:
        """Position on the way from open to done."""
        return {"new": 0, "done": 2}.get(self.category.key, 1)


class Kind(Named):
    """An issue type of a project, with its statuses where they were asked for."""

    id: str = ""
    subtask: bool = False
    statuses: list[Status] = []


class Schema(Wire):
    """The form of a field's values."""

    type: str = ""
    items: str = ""


class Screened(Wire):
    """A field of a screen."""

    id: str = Field(alias="fieldId", default="")
    key: str = ""
    name: str = ""
    required: bool = False
    default: bool = Field(alias="hasDefaultValue", default=False)
    form: Schema = Field(alias="schema", default=Schema())

    def named(self, id: str) -> "Screened":
        """The same with its id, which Jira does not repeat where fields are listed by it."""
        return self.model_copy(update={"id": self.id or id})


class Person(Wire):
    """An author of a change."""

    name: str = Field(alias="displayName")


class Permission(Wire):
    """A permission of the account."""

    have: bool = Field(alias="havePermission")


class Permissions(Wire):
    """Permissions of the account by name."""

    permissions: dict[str, Permission]

    def lacking(self, names: Sequence[str]) -> list[str]:
        """Return the permissions that the account lacks."""
        return [name for name in names if name not in self.permissions or not self.permissions[name].have]


class NeighbourFields(Wire):
    """Fields of a linked issue."""

    summary: str = ""
    status: Status


class LinkedIssue(Wire):
    """An issue that another names."""

    key: str
    fields: NeighbourFields

    def shown(self, relation: str) -> results.Linked:
        """Return the tools' result."""
        return results.Linked(
            key=self.key,
            summary=self.fields.summary,
            status=self.fields.status.name,
            done=self.fields.status.category.key == "done",
            relation=relation,
        )


class LinkType(Wire):
    """A kind of link."""

    name: str
    inward: str
    outward: str


class Link(Wire):
    """A link, from the side of the issue that shows it."""

    type: LinkType
    inward: LinkedIssue | None = Field(alias="inwardIssue", default=None)
    outward: LinkedIssue | None = Field(alias="outwardIssue", default=None)

    def shown(self) -> results.Linked:
        """Return the tools' result."""
        if self.outward is not None:
            return self.outward.shown(self.type.outward)
        if self.inward is None:
            raise ValueError("a link without an issue")
        return self.inward.shown(self.type.inward)


class Item(Wire):
    """A changed field."""

    field: str
    before: str | None = Field(alias="fromString", default=None)
    after: str | None = Field(alias="toString", default=None)


class History(Wire):
    """Fields that somebody changed at once."""

    author: Person | None = None
    created: str
    items: list[Item]

    def shown(self) -> list[results.Change]:
        """Return the tools' result."""
        by = self.author.name if self.author else "somebody without an account"
        return [
            results.Change(
                at=self.created,
                by=by,
                field=item.field,
                before=(item.before or "")[:200],
                after=(item.after or "")[:200],
            )
            for item in self.items
        ]


class Changelog(Wire):
    """An issue's history."""

    histories: list[History] = []


class Fields(Wire):
    """An issue's fields, when they were asked for."""

    summary: str
    status: Status
    type: Named = Field(alias="issuetype")
    labels: list[str] = []
    assignee: Person | None = None
    updated: str
    due_on: str | None = Field(alias="duedate", default=None)
    parent: LinkedIssue | None = None
    description: str | None = None
    links: list[Link] = Field(alias="issuelinks", default=[])
    sub_tasks: list[LinkedIssue] = Field(alias="subtasks", default=[])


class Waiver(Wire):
    """Property of an exception."""

    owner: str = ""
    reason: str = ""
    covers: list[str] = []


class Issue(Wire):
    """An issue."""

    key: str
    fields: Fields
    changelog: Changelog = Changelog()
    properties: dict[str, Any] = {}

    def brief(self, site: str) -> results.Brief:
        """Return the result in lists."""
        return results.Brief(**self._brief(site))

    def shown(self, site: str) -> results.Issue:
        """With its history and neighbours."""
        return results.Issue(
            **self._brief(site),
            description=(self.fields.description or "")[:LONGEST],
            last_changes=self.changes()[:20],
            links=[link.shown() for link in self.fields.links],
            sub_tasks=[task.shown("sub-task") for task in self.fields.sub_tasks],
        )

    def changes(self) -> list[results.Change]:
        """Changes, the newest first, since the Cloud and a Data Center list them in different orders."""
        ordered = sorted(self.changelog.histories, key=lambda history: history.created, reverse=True)
        return [change for history in ordered for change in history.shown()]

    def waived(self, site: str) -> results.Waived:
        """Return the result as an exception."""
        try:
            waiver = Waiver.model_validate(self.properties.get(EXCEPTION, {}))
        except ValidationError:  # one that somebody else wrote must not hide the other exceptions of a list
            waiver = Waiver()
        return results.Waived(
            issue=self.brief(site),
            owner=waiver.owner,
            reason=waiver.reason,
            expires_on=self.fields.due_on or "",
            covers=waiver.covers,
        )

    def _brief(self, site: str) -> dict[str, Any]:
        fields = self.fields
        return {
            "key": self.key,
            "url": f"{site}/browse/{self.key}",
            "type": fields.type.name,
            "summary": fields.summary,
            "status": fields.status.name,
            "labels": fields.labels,
            "assignee": fields.assignee.name if fields.assignee else "",
            "updated": fields.updated,
            "due_on": fields.due_on or "",
            "parent": fields.parent.key if fields.parent else "",
        }


class SearchPage(Wire):
    """A page of a search, with a token on the Cloud and numbers on a Data Center."""

    issues: list[Issue]
    token: str = Field(alias="nextPageToken", default="")
    start: int = Field(alias="startAt", default=0)
    total: int = 0

    def cursor(self) -> str:
        """Cursor of the next page, or an empty one."""
        after = self.start + len(self.issues)
        return self.token or (str(after) if self.issues and after < self.total else "")


class Created(Wire):
    """A created resource."""

    key: str


class Transition(Wire):
    """A transition."""

    id: str
    name: str
    to: Status
    fields: dict[str, Screened] = {}
    """Of its screen, by id."""


class Property(Wire):
    """A property of an issue or comment."""

    key: str
    value: Any


class Comment(Wire):
    """A comment."""

    id: str
    author: Person | None = None
    created: str
    body: str
    properties: list[Property] = []

    def shown(self) -> results.Comment:
        """Return the tools' result."""
        by = self.author.name if self.author else "somebody without an account"
        return results.Comment(id=self.id, by=by, at=self.created, body=self.body[:LONGEST])
