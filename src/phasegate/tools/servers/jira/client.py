"""Everything that we ask of a Jira, by the jira library.

REST version 2 on the Cloud and on a Data Center: it takes and gives texts as wiki markup, so that there is one way to
write a description. On the Cloud, search is by token; a Data Center counts.

What is made for a key carries a label derived from it (`idempotency_label`): JQL finds labels on every Jira, entity
properties only where an app declares them. The Cloud's search lags behind what was just created by some seconds, so
the client also remembers what it has made. Comments carry the key in an entity property: nobody sees it, nobody can
write it by quoting, and comments are listed without an index.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

import jira
from requests import Response

from phasegate.core import InvalidInput, Refused
from phasegate.tools.errors import Absent, Invalid
from phasegate.tools.servers.http_calls import MARK, BadAnswer, Calls, RetryPolicy, idempotency_label
from phasegate.tools.servers.jira import results, wire
from phasegate.tools.servers.jira.moving import Walk
from phasegate.tools.servers.jira.screens import fitting
from phasegate.tools.servers.jira.wiki import fitted

T = TypeVar("T")

KEY_PROPERTY = "phasegate.key"
_COMMENT_PAGE = 100
_SCREEN_PAGES = 20
_ILLEGAL = "mend what it names, or choose another status"
_COMMENT_PAGES = 51
"""The Cloud holds 5,000 comments an issue; the last page is empty."""


@dataclass(frozen=True, kw_only=True)
class JiraCalls(Calls):
    """Calls to Jira by its library."""

    def _sent(self, what: str, send: Callable[[], T]) -> T:
        def run() -> T:
            try:
                return send()
            except jira.JIRAError as error:  # its own text holds headers, which must not get into a message
                headers = error.response.headers if error.response is not None else {}
                raise BadAnswer(error.status_code or 502, headers, error.text or "") from None

        return super()._sent(what, run)


class JiraClient:
    """A Jira, as one account."""

    def __init__(self, url: str, token: str, email: str = "", patience: RetryPolicy | None = None) -> None:
        self.site = url.rstrip("/")
        patience = patience or RetryPolicy()
        self._calls = JiraCalls(service="Jira", credentials="JIRA_TOKEN and JIRA_EMAIL", patience=patience)
        signs = {"basic_auth": (email, token)} if email else {"token_auth": token}
        self._jira = jira.JIRA(
            self.site, **signs, get_server_info=False, max_retries=0, timeout=patience.answer_s, logging=False
        )
        # The library would ask the server, which building must not; only the Cloud signs in with an e-mail address.
        self._jira.deploymentType = "Cloud" if email else "Server"
        self._cloud = bool(email)
        self._made: dict[str, str] = {}

    def myself(self) -> str:
        """Return the account."""
        return self._read("ask who we are", lambda: wire.Person.model_validate(self._jira.myself())).name

    def lacks(self, project: str, permissions: Sequence[str]) -> list[str]:
        """Return the permissions that the account lacks in a project, by Jira's names such as `CREATE_ISSUES`."""

        def send() -> wire.Permissions:
            asked = ",".join(permissions)
            return wire.Permissions.model_validate(self._jira.my_permissions(project, permissions=asked))

        return self._read(f"read our permissions in {project}", send).lacking(permissions)

    def search(self, jql: str, limit: int, cursor: str = "", properties: Sequence[str] = ()) -> wire.SearchPage:
        """A page of the issues that a query finds."""
        return self._read(
            "search issues", lambda: wire.SearchPage.model_validate(self._search(jql, limit, cursor, properties))
        )

    def issue(self, key: str) -> wire.Issue:
        """An issue with its history."""
        fields = ",".join([*wire.FIELDS, "description", "issuelinks", "subtasks"])
        return self._read(
            f"read {key}",
            lambda: wire.Issue.model_validate(self._jira.issue(key, fields, "changelog", wire.EXCEPTION).raw),
        )

    def made_for(self, key: str) -> wire.Issue | None:
        """The issue of an idempotency key."""
        mark = idempotency_label(key)
        try:
            return self.issue(self._made[mark]) if mark in self._made else self._marked(mark)
        except Absent:
            # Somebody deleted it: what is made for the key now is looked for as if it were new.
            self._made.pop(mark, None)
            return self._marked(mark)

    def create(self, key: str, fields: dict[str, Any]) -> tuple[wire.Issue, bool]:
        """The issue of a key, and whether this call made it."""
        found = self.made_for(key)
        if found is not None:
            return found, False
        mark = idempotency_label(key)
        fields = {**fields, "labels": [*_foreign(fields.get("labels", [])), mark]}
        created = self._calls.write(
            "create an issue",
            lambda: wire.Created.model_validate(self._jira.create_issue(fields, prefetch=False).raw).key,
            lambda: made.key if (made := self._marked(mark)) else None,
        )
        self._made[mark] = created
        return self.issue(created), True

    def update(self, key: str, fields: dict[str, Any], expected_updated: str) -> wire.Issue:
        """An issue with new values, if nobody has changed it since the caller read it.

        Raises:
            Refused: it was changed (`conflict`).
        """
        before = self.issue(key)
        _same(before, expected_updated)
        if "labels" in fields:
            # Labels are replaced as a whole, and the issue would not be found by its key any more.
            kept = [label for label in before.fields.labels if label.startswith("phasegate-")]
            fields = {**fields, "labels": [*_foreign(fields["labels"]), *kept]}
        self._calls.write(
            f"change {key}",
            lambda: self._send("PUT", f"issue/{key}", {"fields": fields}),
            lambda: self._has(key, fields),
        )
        return self.issue(key)

    def ways(self, key: str) -> list[wire.Transition]:
        """The transitions that the workflow allows from where an issue is."""
        return self._read(
            f"list the transitions of {key}",
            lambda: [
                wire.Transition.model_validate(way) for way in self._jira.transitions(key, expand="transitions.fields")
            ],
        )

    def kinds(self, project: str) -> list[wire.Kind]:
        """A project's issue types, each with its statuses."""
        found = self._ask(f"list the statuses of {project}", f"project/{project}/statuses")
        return [wire.Kind.model_validate(each) for each in found]

    def screen(self, project: str, kind: str) -> list[wire.Screened]:
        """The fields that can be set when an issue of that type is created."""
        what = f"list the fields of {kind} in {project}"
        named = next((each for each in self.kinds(project) if each.name.lower() == kind.lower()), None)
        if named is None:
            raise Invalid(f"cannot {what}: there is no such type", fix="name a type of the project")
        path, found = f"issue/createmeta/{project}/issuetypes/{named.id}", list[Any]()
        for _ in range(_SCREEN_PAGES):
            page = self._ask(what, path, {"startAt": len(found), "maxResults": 50})
            rows = page.get("fields") or page.get("values") or []
            found += rows
            if not rows or len(found) >= page.get("total", 0):
                break
        return [wire.Screened.model_validate(each) for each in found]

    def sub_task_type(self, project: str, kind: str) -> str:
        """The type of a child: that one, or the project's own type of sub-tasks where it has none of that name."""
        kinds = self.kinds(project)
        if any(each.name.lower() == kind.lower() for each in kinds):
            return kind
        return next((each.name for each in kinds if each.subtask), kind)

    def fitting(self, project: str, kind: str, fields: Mapping[str, Any]) -> dict[str, Any]:
        """Return the fields that are on the screen for creating such an issue, as Jira takes them."""
        return fitting(fields, self.screen(project, kind), cloud=self._cloud) if fields else {}

    def move(self, issue: str, status: str, key: str, fields: Mapping[str, Any] | None = None) -> results.Moved:
        """Takes an issue to a status, once for a key, through others where there is no direct transition.

        Raises:
            Refused: nothing leads there from where it is (`illegal-transition`).
        """
        before, given = self.issue(issue), fields or {}
        done = self._property(issue, idempotency_label(key)) is not None
        through, left = list[str](), ""
        if not done and before.fields.status.name.lower() != status.lower():
            through, left = self._walk(before, status, given)
            if left and not through:
                raise Refused(left, reason="illegal-transition", fix=_ILLEGAL)
        # Noted in the issue and not here: a second call with the key, from any process, must not take it back to where
        # people moved it from.
        if not done and not left:
            # Setting a property again changes nothing, so this write may be repeated like a read.
            self._read(
                f"note the transition of {issue}",
                lambda: self._jira.add_issue_property(issue, idempotency_label(key), {"status": status}),
            )
        after = self.issue(issue)
        now = after.fields
        return results.Moved(
            key=after.key, status=now.status.name, moved=bool(through), through=through, left=left, updated=now.updated
        )

    def comments(self, issue: str, start: int, limit: int, order: str = "created") -> list[wire.Comment]:
        """Some of an issue's comments."""

        def send() -> list[wire.Comment]:
            listed = self._jira.comments(issue, "properties", start, limit, order)
            return [wire.Comment.model_validate(comment.raw) for comment in listed]

        return self._read(f"list the comments of {issue}", send)

    def comment_for(self, key: str, issue: str) -> wire.Comment | None:
        """Return the comment of an idempotency key, looked for in all comments, the newest first."""
        start, mark = 0, idempotency_label(key)
        for _ in range(_COMMENT_PAGES):
            page = self.comments(issue, start, _COMMENT_PAGE, "-created")
            for comment in page:
                if any(held.key == KEY_PROPERTY and held.value == mark for held in comment.properties):
                    return comment
            if not page:
                break
            start += len(page)
        return None

    def comment(self, key: str, issue: str, body: str) -> tuple[wire.Comment, bool]:
        """The comment of a key, and whether this call wrote it."""
        found = self.comment_for(key, issue)
        if found is not None:
            return found, False
        said = {"body": fitted(body), "properties": [{"key": KEY_PROPERTY, "value": idempotency_label(key)}]}

        def send() -> wire.Comment:
            return wire.Comment.model_validate(self._send("POST", f"issue/{issue}/comment", said).json())

        return self._calls.write(f"comment on {issue}", send, lambda: self.comment_for(key, issue)), True

    def link(self, start: str, to: str, relation: str) -> results.LinkMade:
        """A link between two issues, made unless it is there."""
        kinds = self._read("list the types of links", self._link_types)
        kind, turned = _kind(kinds, relation)
        start, to = (to, start) if turned else (start, to)
        # Jira makes a second link of the same kind without a word.
        made = f"{start} {kind.outward} {to}"
        if self._linked(start, to, kind):
            return results.LinkMade(created=False, sentence=made)
        self._calls.write(
            f"link {start} and {to}",
            lambda: self._jira.create_issue_link(kind.outward, start, to).ok,
            lambda: self._linked(start, to, kind) or None,
        )
        return results.LinkMade(created=True, sentence=made)

    def waive(self, issue: wire.Issue, waiver: dict[str, Any]) -> wire.Issue:
        """An exception's issue, with what it covers noted in a property."""
        if wire.EXCEPTION not in issue.properties:
            self._read(
                f"note what {issue.key} covers",
                lambda: self._jira.add_issue_property(issue.key, wire.EXCEPTION, waiver),
            )
            return self.issue(issue.key)
        return issue

    def _marked(self, mark: str) -> wire.Issue | None:
        # The oldest: an issue that somebody copied has its label too.
        found = self.search(f'labels = "{mark}" ORDER BY created ASC', 1).issues
        return found[0] if found else None

    def _search(self, jql: str, limit: int, cursor: str, properties: Sequence[str]) -> Any:
        named, fields = ",".join(properties) or None, list(wire.FIELDS)
        if self._cloud:
            return self._jira.enhanced_search_issues(
                jql, cursor or None, limit, fields, properties=named, json_result=True
            )
        return self._jira.search_issues(jql, _number(cursor), limit, fields=fields, properties=named, json_result=True)

    def _walk(self, before: wire.Issue, status: str, fields: Mapping[str, Any]) -> tuple[list[str], str]:
        """Return the statuses that it was taken through, and why it did not get there or an empty string."""
        issue, kinds = before.key, self.kinds(before.key.rpartition("-")[0])
        own = [kind for kind in kinds if kind.name == before.fields.type.name] or kinds
        known = {each.name.lower(): each for kind in own for each in kind.statuses}
        if status.lower() not in known:
            names = ", ".join(sorted(each.name for each in known.values()))
            says = f"{issue} cannot go to {status}: its project has no such status"
            raise Refused(says, reason="illegal-transition", fix=f"use one of: {names}")
        walk = Walk(
            issue=issue,
            start=before.fields.status,
            wanted=known[status.lower()],
            ways=lambda: self.ways(issue),
            take=lambda way: self._take(issue, way, fields),
            fields=fields,
        )
        return walk.through, walk.go()

    def _take(self, issue: str, way: wire.Transition, fields: Mapping[str, Any]) -> None:
        given = fitting(fields, [each.named(id) for id, each in way.fields.items()], cloud=self._cloud)

        def there() -> bool | None:
            return self.issue(issue).fields.status.name == way.to.name or None

        def send() -> bool:
            self._jira.transition_issue(issue, way.id, fields=given or None)
            return True

        self._calls.write(f"move {issue} to {way.to.name}", send, there)

    def _property(self, issue: str, name: str) -> Any:
        try:
            return self._read(f"read a property of {issue}", lambda: self._jira.issue_property(issue, name).raw)
        except Absent:
            return None

    def _has(self, key: str, fields: dict[str, Any]) -> bool | None:
        """Return whether an issue has the values that were sent, or None while it does not."""
        now = self.issue(key).fields
        have = {
            "summary": now.summary,
            "labels": set(now.labels),
            "duedate": now.due_on,
            "description": _body(now.description),
        }
        want = {**fields, "labels": set(fields.get("labels", [])), "description": _body(fields.get("description"))}
        return all(have[name] == want[name] for name in fields) or None

    def _link_types(self) -> list[wire.LinkType]:
        return [wire.LinkType.model_validate(kind.raw) for kind in self._jira.issue_link_types()]

    def _linked(self, start: str, to: str, kind: wire.LinkType) -> bool:
        links = self.issue(start).fields.links
        return any(
            link.outward is not None and link.outward.key == to and link.type.name == kind.name for link in links
        )

    def _send(self, method: str, path: str, body: dict[str, Any]) -> Response:
        """Send a request of the API that the library has no method for."""
        return self._jira._session.request(method, self._jira._get_url(path), data=json.dumps(body))

    def _ask(self, what: str, path: str, params: Mapping[str, Any] | None = None) -> Any:
        """Read from the API where the library has no method, or one that not every Jira answers."""
        return self._read(what, lambda: self._jira._get_json(path, params=dict(params or {})))

    def _read(self, what: str, send: Callable[[], T]) -> T:
        return self._calls.read(what, send)


def _same(issue: wire.Issue, expected: str) -> None:
    """Raises a conflict that says what has changed since a time."""
    try:
        since, updated = datetime.fromisoformat(expected), datetime.fromisoformat(issue.fields.updated)
        if since == updated:
            return
        changes = [change for change in issue.changes() if datetime.fromisoformat(change.at) > since]
    except (ValueError, TypeError) as error:
        raise InvalidInput(
            f"{expected!r} is not the time of an update", fix="hand over `updated` as it was read"
        ) from error
    told = "; ".join(
        f"{change.by} changed {change.field} from {change.before!r} to {change.after!r} at {change.at}"
        for change in changes[:5]
    )
    what = told or "something that its history does not list, such as a comment"
    fix = "read the issue again, and decide whether your change still holds"
    raise Refused(
        f"{issue.key} was changed since {expected}: {what}; nothing was overwritten", reason="conflict", fix=fix
    )


def _foreign(labels: Sequence[str]) -> list[str]:
    """Refuse labels like ours, with which an issue could pass for that of another key, and return the others."""
    for label in labels:
        if MARK.fullmatch(label):
            raise InvalidInput(f"the label {label} stands for a key", fix="leave it out: the tool sets it")
    return list(labels)


def _kind(kinds: Sequence[wire.LinkType], relation: str) -> tuple[wire.LinkType, bool]:
    """The type that has this name or relation, and whether the relation reads from the other end."""
    for kind in kinds:
        if relation.lower() in (kind.name.lower(), kind.outward.lower()):
            return kind, False
    for kind in kinds:
        if relation.lower() == kind.inward.lower():
            return kind, True
    known = ", ".join(sorted({name for kind in kinds for name in (kind.outward, kind.inward)}))
    raise InvalidInput(f"there is no link type {relation!r}", fix=f"use one of: {known}")


def _number(cursor: str) -> int:
    if cursor and not cursor.isdigit():
        raise InvalidInput("this cursor is not one of ours", fix="hand over next_cursor as it was answered")
    return int(cursor or 0)


def _body(text: Any) -> str:
    return "\n".join(line.strip() for line in str(text or "").split("\n")).strip()
