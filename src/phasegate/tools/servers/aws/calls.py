"""Calls of AWS's APIs, their errors explained and their answers paged."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

from botocore import xform_name

from phasegate.core import InvalidInput
from phasegate.tools.servers.aws.cursors import Cursors
from phasegate.tools.servers.aws.failures import Expired, explained
from phasegate.tools.servers.aws.sessions import Sessions, place

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Question:
    """A call whose answer has pages."""

    service: str
    """As boto3 names it."""
    operation: str
    request: Mapping[str, Any] = field(default_factory=dict)
    """Parameters, without the page."""
    region: str = ""
    """Empty: the server's own, which does for services that answer in one place."""
    account: str = ""
    paged_by: str = "NextToken"
    """Name of the page's token in request and answer."""
    size: str = ""
    """Name of the parameter with the size of a page; empty where the service takes none."""
    permission: str = ""
    """The IAM action; empty: the operation's name after the service's."""


@dataclass(frozen=True, kw_only=True)
class Calls:
    """Clients by account and region, and cursors for pages of their answers."""

    sessions: Sessions
    cursors: Cursors = field(default_factory=Cursors)

    def ask(self, action: str, service: str, region: str, account: str, **parameters: Any) -> Mapping[str, Any]:
        """Call the operation that an IAM action is named after.

        Raises:
            PhasegateError: see `failures.explained` and `Sessions.client`.
        """
        return self._call(action, service, action.partition(":")[2], region, account, parameters)

    def page(
        self, question: Question, parse: Callable[[Mapping[str, Any]], Sequence[T]], limit: int, cursor: str
    ) -> tuple[list[T], str, Mapping[str, Any]]:
        """Return a page of an answer's rows, the cursor of the next one, and the answer itself.

        A page of the service may have more rows than the limit; the cursor then counts those that were given already.
        """
        # Sealed into the cursor: used with another question, a token of AWS gives rows that belong to neither.
        asked = (question.service, question.operation, question.region, question.account, question.request)
        token, skipped = self.cursors.open(cursor, *asked) or (None, 0)
        more = {question.paged_by: token} if token else {}
        size = {question.size: limit} if question.size else {}
        action = question.permission or f"{question.service}:{question.operation}"
        request = {**question.request, **size, **more}
        said = self._call(action, question.service, question.operation, question.region, question.account, request)
        rows, at = parse(said), skipped + limit
        following = said.get(question.paged_by)
        left = (token, at) if at < len(rows) else ((following, 0) if following else None)
        return list(rows[skipped:at]), self.cursors.seal(left, *asked), said

    @contextmanager
    def asking(self, action: str, service: str, region: str, account: str) -> Iterator[Any]:
        """Yield the client, whose errors are explained."""
        client = self.sessions.client(service, region, account)
        try:
            with explained(action, place(account, region)):
                yield client
        except Expired:
            self.sessions.forget(account)
            raise

    def _call(
        self, action: str, service: str, operation: str, region: str, account: str, parameters: Mapping[str, Any]
    ) -> Mapping[str, Any]:
        with self.asking(action, service, region or self.sessions.region, account) as client:
            said: Mapping[str, Any] = getattr(client, xform_name(operation))(**parameters)
        return said


def ordered(start: Any, end: Any) -> None:
    """Refuse a period that is empty.

    Raises:
        InvalidInput: the start is not before the end.
    """
    if start >= end:
        raise InvalidInput(f"{start} is not before {end}", fix="end is the first day that does not count")
