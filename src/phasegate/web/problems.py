"""Statuses of errors: problem+json for programs (RFC 9457), a page for people."""

from collections.abc import Awaitable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import TypeVar

from fastapi.encoders import jsonable_encoder
from starlette.responses import JSONResponse

from phasegate.core import (
    Exhausted,
    Held,
    InvalidInput,
    Missing,
    Parked,
    PhasegateError,
    Refused,
    UsageError,
)
from phasegate.reports.findings import Finding, reported

T = TypeVar("T")

STATUSES: Mapping[str, int] = {
    "not_signed_in": 401,
    "bad_token": 401,
    "wrong_passphrase": 403,
    "form_token": 403,
    "scope_missing": 403,
    "not_an_approver": 403,
    "agent_identity": 403,
    "service_identity": 403,
    "not_yourself": 403,
    "no_delegation": 403,
    "author_may_not_approve": 403,
    "author_unknown": 403,
    "bad_signature": 403,
    "reauthentication_required": 403,
    "not_unlocked": 403,
    "forgotten": 403,
    "another_kind": 403,
    "another_person": 403,
    "foreign_workspace": 403,
    "unknown_gate": 404,
    "unknown": 404,
    "already_decided": 409,
    "gate_void": 409,
    "gate_expired": 409,
    "stale_digest": 409,
    "stale_head": 409,
    "rules_moved": 409,
    "evidence_moved": 409,
    "branch_moved": 409,
    "record_broken": 409,
    "commit_missing": 409,
    "token_used": 409,
    "revoked": 409,
    "nothing_to_revoke": 409,
    "nothing_to_end": 409,
    "release_changed": 409,
    "report_changed": 409,
    "work_taken": 409,
    "work_gone": 409,
    "work_not_held": 409,
    "work_handed_in": 409,
    "too_many_tries": 429,
}
"""By reason; a refusal with any other is 422."""
_OTHERS: Mapping[type[PhasegateError], int] = {
    UsageError: 422,
    InvalidInput: 422,
    Parked: 409,
    Held: 409,
    Missing: 503,
    Exhausted: 503,
}


@dataclass(frozen=True, kw_only=True)
class Problem:
    """A problem as shown to programs and people."""

    status: int
    reason: str
    """Machine-readable."""
    detail: str
    fix: str = ""
    findings: tuple[Finding, ...] = ()

    @property
    def title(self) -> str:
        """The status in words."""
        return HTTPStatus(self.status).phrase


class NotFound(Refused):
    """The address names nothing that exists."""

    def __init__(self, what: str, reason: str = "unknown") -> None:
        super().__init__(f"there is no {what}", reason=reason)


async def found(what: str, ask: Awaitable[T]) -> T:
    """Return what is asked for.

    Raises:
        NotFound: there is none of that name.
    """
    try:
        return await ask
    except UsageError as error:
        raise NotFound(what) from error


def not_signed_in() -> Refused:
    """Nobody is signed in, or the session has ended."""
    return Refused("you are not signed in, or your session has ended", reason="not_signed_in", fix="sign in")


def problem_of(error: PhasegateError) -> Problem:
    """The problem that an error is."""
    if isinstance(error, Refused):
        return Problem(status=STATUSES.get(error.reason, 422), reason=error.reason, detail=str(error), fix=error.fix)
    status = next((status for kind, status in _OTHERS.items() if isinstance(error, kind)), 500)
    findings = reported(error.findings) if isinstance(error, InvalidInput) else ()
    reason = type(error).__name__.lower()
    return Problem(status=status, reason=reason, detail=str(error), fix=error.fix, findings=findings)


def problem_response(problem: Problem) -> JSONResponse:
    """The problem as problem+json."""
    body = {"type": "about:blank", "title": problem.title, **vars(problem)}
    # HTTP asks for it with 401; `Basic` in its place would have browsers show a window of their own.
    headers = {"WWW-Authenticate": 'Bearer realm="phasegate"'} if problem.status == HTTPStatus.UNAUTHORIZED else None
    return JSONResponse(jsonable_encoder(body), problem.status, headers, "application/problem+json")
