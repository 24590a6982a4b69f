"""Orders to assistants: which wait, who holds them, and what one says."""

import json

from fastapi import APIRouter
from starlette.responses import Response

from phasegate.core import Refused
from phasegate.reports.work import client_config, items_of
from phasegate.team import ASSISTANT
from phasegate.web.context import Served
from phasegate.web.problems import NotFound
from phasegate.web.session_auth import Person

router = APIRouter()


@router.get("/work")
async def work(context: Served, session: Person) -> Response:
    """Show the orders that wait for an assistant, the oldest first, and how one connects."""
    app = context.app
    config = json.dumps(client_config("phasegate", app.folder.path), indent=2)
    roles = [name for name, card in app.team.cards.items() if card.model == ASSISTANT]
    rows = await items_of(app).listed()
    return context.page("work.html", session, rows=rows, config=config, roles=roles)


@router.get("/work/{item}")
async def order(item: str, context: Served, session: Person) -> Response:
    """Show an order's text."""
    try:
        found, text = await items_of(context.app).find(item)
    except Refused as error:
        raise NotFound(f"order '{item}' that waits") from error
    return context.page("order.html", session, item=found, text=text)
