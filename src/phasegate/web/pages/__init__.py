"""Pages of the inbox, of gates, runs and settings."""

from fastapi import APIRouter

from phasegate.web.pages import delegations, gate, lists, runs, signin, slack, spend, tools, work


def router() -> APIRouter:
    """Every page."""
    whole = APIRouter()
    for page in (signin, lists, gate, runs, spend, delegations, tools, slack, work):
        whole.include_router(page.router)
    return whole
