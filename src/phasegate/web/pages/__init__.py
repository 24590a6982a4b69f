"""Pages of the inbox, of gates, runs and settings."""

from fastapi import APIRouter

from phasegate.web.pages import delegations, gate, lists, runbooks, runs, signin, slack, tools


def router() -> APIRouter:
    """Every page."""
    whole = APIRouter()
    for page in (signin, lists, gate, runs, runbooks, delegations, tools, slack):
        whole.include_router(page.router)
    return whole
