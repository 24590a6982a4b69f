"""What the local Jira holds: issues with their history, people, link types and the workflow."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

CATEGORIES = {"To Do": ("new", 2), "In Progress": ("indeterminate", 4), "Done": ("done", 3)}
STATUSES = {"To Do": "To Do", "In Progress": "In Progress", "In Review": "In Progress", "Done": "Done"}
"""Each status and its category."""


class Transition(NamedTuple):
    """A way that the workflow allows."""

    id: str
    name: str
    start: str
    to: str
    requires: tuple[str, ...] = ()
    """Fields of its screen without which it is refused."""


WORKFLOW = (
    Transition("11", "Start", "To Do", "In Progress"),
    Transition("21", "Ask for review", "In Progress", "In Review"),
    Transition("31", "Stop", "In Progress", "To Do"),
    Transition("41", "Back to work", "In Review", "In Progress"),
    Transition("51", "Finish", "In Review", "Done"),
    Transition("61", "Reopen", "Done", "To Do"),
)
LINK_TYPES = (
    {"id": "1", "name": "Blocks", "inward": "is blocked by", "outward": "blocks"},
    {"id": "2", "name": "Relates", "inward": "relates to", "outward": "relates to"},
)
ISSUE_TYPES = {"Epic": "10000", "Task": "10001", "Bug": "10002", "Sub-task": "10003"}
SUBTASK = "10003"
"""The id of the type of sub-tasks, whatever its name is."""
FIELDS = {
    "summary": "string",
    "description": "string",
    "labels": "array",
    "duedate": "date",
    "assignee": "user",
    "priority": "priority",
    "resolution": "resolution",
    "customfield_10010": "option",
}
"""Every field and the type of its values."""
SCREEN = frozenset(FIELDS) - {"resolution"}
"""The fields that can be set when an issue is created or edited."""
MOST = 32_767


@dataclass(frozen=True, kw_only=True)
class Person:
    """Somebody with an account."""

    name: str
    email: str
    token: str = ""

    @property
    def account(self) -> str:
        """What identifies the account."""
        return self.email.split("@")[0]

    def shown(self) -> dict[str, Any]:
        """As the API shows a user."""
        return {"accountId": self.account, "displayName": self.name, "active": True, "accountType": "atlassian"}


@dataclass(kw_only=True)
class Comment:
    """A comment of an issue."""

    id: str
    author: Person
    body: Any
    created: str
    properties: list[dict[str, Any]] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class Link:
    """`start` has the outward relation of the type to `to`: start blocks to."""

    id: str
    type: str
    start: str
    to: str


@dataclass(kw_only=True)
class Issue:
    """An issue, with what happened to it."""

    id: str
    key: str
    type: str
    summary: str
    creator: Person
    created: str
    updated: str
    description: Any = None
    labels: list[str] = field(default_factory=list)
    status: str = "To Do"
    assignee: Person | None = None
    duedate: str | None = None
    parent: str = ""
    more: dict[str, Any] = field(default_factory=dict)
    """Other fields."""
    comments: list[Comment] = field(default_factory=list)
    properties: dict[str, Any] = field(default_factory=dict)
    histories: list[dict[str, Any]] = field(default_factory=list)

    @property
    def project(self) -> str:
        """The key of the project."""
        return self.key.split("-")[0]

    def record(self, id: str, author: Person, when: str, items: list[dict[str, Any]]) -> None:
        """Adds an entry to the history."""
        self.updated = when
        self.histories.append({"id": id, "author": author.shown(), "created": when, "items": items})


def change(field_name: str, before: Any, after: Any) -> dict[str, Any]:
    """A line of the history."""
    texts = [
        None if value is None else " ".join(value) if isinstance(value, list) else str(value)
        for value in (before, after)
    ]
    return {
        "field": field_name,
        "fieldtype": "jira",
        "fieldId": field_name,
        "from": None,
        "fromString": texts[0],
        "to": None,
        "toString": texts[1],
    }


def status(name: str) -> dict[str, Any]:
    """A status as the API shows it."""
    category = STATUSES[name]
    key, number = CATEGORIES[category]
    return {
        "id": str(list(STATUSES).index(name) + 1),
        "name": name,
        "statusCategory": {"id": number, "key": key, "name": category},
    }


class Ticking:
    """A clock whose every reading is a second later than the one before."""

    def __init__(self) -> None:
        self._now = datetime(2026, 11, 23, 9, tzinfo=UTC)

    def read(self) -> str:
        """The time as Jira writes it."""
        self._now += timedelta(seconds=1)
        return self._now.strftime("%Y-%m-%dT%H:%M:%S.000+0000")


def plain(body: Any) -> Any:
    """A text of API version 3 (a document) or of version 2, as version 2 shows it."""
    if not isinstance(body, dict):
        return body
    if body.get("type") == "text":
        return body["text"]
    separator = "\n\n" if body.get("type") == "doc" else ""
    return separator.join(str(plain(part)) for part in body.get("content", []))


def document(body: Any) -> Any:
    """A text as API version 3 shows it."""
    if body is None or isinstance(body, dict):
        return body
    paragraphs = [
        {"type": "paragraph", "content": [{"type": "text", "text": text}] if text else []}
        for text in str(body).split("\n\n")
    ]
    return {"type": "doc", "version": 1, "content": paragraphs}


class Refusal(Exception):
    """What Jira answers when it does not do a thing."""

    def __init__(self, status: int, *messages: str, **errors: str) -> None:
        super().__init__(status)
        self.status, self.messages, self.errors = status, list(messages), errors


def long(text: Any) -> bool:
    """Whether a text is longer than Jira takes."""
    return len(str(plain(text) or "")) > MOST


def checked(fields: dict[str, Any], screen: frozenset[str] = SCREEN) -> dict[str, Any]:
    """The fields, when Jira takes them."""
    for name, value in fields.items():
        if name not in screen:
            raise Refusal(
                400, **{name: f"Field '{name}' cannot be set. It is not on the appropriate screen, or unknown."}
            )
        if FIELDS[name] in ("priority", "resolution") and not (isinstance(value, dict) and value.get("name")):
            raise Refusal(400, **{name: "Specify the name or the id as an object."})
        if FIELDS[name] == "option" and not (isinstance(value, dict) and value.get("value")):
            raise Refusal(400, **{name: "Option value is not valid."})
    if any(" " in label or len(label) > 255 for label in fields.get("labels", [])):
        raise Refusal(400, labels="The label contains spaces which is invalid.")
    if "\n" in fields.get("summary", ""):
        raise Refusal(400, summary="The summary is invalid because it contains newline characters.")
    if len(fields.get("summary", "")) > 255:
        raise Refusal(400, summary="Summary must be less than 255 characters.")
    if long(fields.get("description")):
        raise Refusal(400, description=f"The entered text is too long. It exceeds the allowed limit of {MOST:,}.")
    return fields
