"""The REST API, `/api/v1`: the same values as the terminal prints with `--json`."""

from fastapi import APIRouter

from phasegate.web.api import gates, record, runbooks, runs, signing, work
from phasegate.web.api.models import Problem


def router() -> APIRouter:
    """Return every route, each with the scope that its token needs."""
    answers: dict[int | str, dict[str, object]] = {
        status: {"model": Problem, "description": text}
        for status, text in {
            401: "no token, or one that has ended",
            403: "the token does not allow it",
            404: "there is no such thing",
            422: "the request does not hold",
        }.items()
    }
    whole = APIRouter(responses=answers)
    for part in (runs, gates, signing, record, work, runbooks):
        whole.include_router(part.router)
    return whole
