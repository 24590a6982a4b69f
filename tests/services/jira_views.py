"""How the local Jira shows what it holds."""

import base64
from typing import TYPE_CHECKING, Any

from fastapi import Request

from services.jira_state import LINK_TYPES, SUBTASK, Comment, Issue, document, plain, status

if TYPE_CHECKING:
    from services.jira import JiraService


class Views:
    """Issues and comments as the API's versions show them."""

    def __init__(self, jira: "JiraService") -> None:
        self._jira = jira

    def issue(
        self, issue: Issue, version: str, fields: list[str], properties: list[str], *, expand: str = ""
    ) -> dict[str, Any]:
        """An issue with the fields and properties asked for."""
        everything = self._fields(issue, version)
        chosen = everything if "*all" in fields else {name: everything[name] for name in fields if name in everything}
        shown: dict[str, Any] = {"id": issue.id, "key": issue.key, "self": self.self(issue), "fields": chosen}
        if properties:
            shown["properties"] = {name: issue.properties[name] for name in properties if name in issue.properties}
        if "changelog" in expand.split(","):
            newest = issue.histories[::-1][:100]
            shown["changelog"] = {"startAt": 0, "maxResults": 100, "total": len(issue.histories), "histories": newest}
        return shown

    def comment(self, comment: Comment, version: str, expand: str) -> dict[str, Any]:
        """A comment, with its properties when they are asked for."""
        shown = {
            "id": comment.id,
            "self": f"http://jira.test/comment/{comment.id}",
            "author": comment.author.shown(),
            "body": _text(comment.body, version),
            "created": comment.created,
            "updated": comment.created,
        }
        return {**shown, "properties": comment.properties} if "properties" in expand else shown

    def self(self, issue: Issue) -> str:
        """The address of an issue in the API."""
        return f"http://jira.test/rest/api/2/issue/{issue.id}"

    def many(self, request: Request, name: str) -> list[str]:
        """A parameter that may come several times, or with commas."""
        return [part for value in request.query_params.getlist(name) for part in value.split(",") if part]

    def page(self, request: Request) -> tuple[int, int]:
        """Where a page starts, and how much is on it."""
        return int(request.query_params.get("startAt", 0)), int(request.query_params.get("maxResults", 50))

    def token(self, start: int) -> str:
        """Where the next page starts, as a token."""
        return base64.urlsafe_b64encode(f"from {start}".encode()).decode()

    def start(self, token: str) -> int:
        """Where a page starts."""
        return int(base64.urlsafe_b64decode(token).decode().removeprefix("from ")) if token else 0

    def _fields(self, issue: Issue, version: str) -> dict[str, Any]:
        return {
            "summary": issue.summary,
            "description": _text(issue.description, version),
            "labels": issue.labels,
            "status": status(issue.status),
            "issuetype": self._type(issue),
            "project": {
                "id": str(self._jira.projects.index(issue.project)),
                "key": issue.project,
                "name": issue.project,
            },
            "assignee": issue.assignee.shown() if issue.assignee else None,
            "creator": issue.creator.shown(),
            "reporter": issue.creator.shown(),
            "created": issue.created,
            "updated": issue.updated,
            "duedate": issue.duedate,
            **issue.more,
            "subtasks": [self._brief(other) for other in self._jira.issues.values() if other.parent == issue.key],
            "issuelinks": self._links(issue),
            **({"parent": self._brief(self._jira.issues[issue.parent])} if issue.parent else {}),
        }

    def _links(self, issue: Issue) -> list[dict[str, Any]]:
        shown = []
        for link in self._jira.links:
            kind = next(dict(kind) for kind in LINK_TYPES if kind["name"] == link.type)
            if link.start == issue.key:
                shown.append({"id": link.id, "type": kind, "outwardIssue": self._brief(self._jira.issues[link.to])})
            if link.to == issue.key:
                shown.append({"id": link.id, "type": kind, "inwardIssue": self._brief(self._jira.issues[link.start])})
        return shown

    def _brief(self, issue: Issue) -> dict[str, Any]:
        fields = {"summary": issue.summary, "status": status(issue.status), "issuetype": self._type(issue)}
        return {"id": issue.id, "key": issue.key, "self": self.self(issue), "fields": fields}

    def _type(self, issue: Issue) -> dict[str, Any]:
        return {
            "id": self._jira.types[issue.type],
            "name": issue.type,
            "subtask": self._jira.types[issue.type] == SUBTASK,
        }


def _text(body: Any, version: str) -> Any:
    return document(body) if version == "3" else plain(body)
