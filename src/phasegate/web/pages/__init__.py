"""Pages, one module each."""

from fastapi import APIRouter

from phasegate.web.pages import backlog, delegations, gate, inbox, record, runs, signin, slack, tools


def router() -> APIRouter:
    """Every page."""
    whole = APIRouter()
    for page in (signin, inbox, gate, runs, backlog, record, delegations, tools, slack):
        whole.include_router(page.router)
    return whole
