"""Orders to assistants: taking one, and handing its answer in. Nothing here decides."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query

from phasegate.core.paging import page_of
from phasegate.reports.work import Note, TakenWork, WholeWork, Work, handed_in, items_of, oldest_first, whole_item
from phasegate.reports.work import shown_item as shown
from phasegate.reports.work import taken_item as taken
from phasegate.web.api import models
from phasegate.web.api.bearer import Lists, Reads, Works
from phasegate.web.api.models import After, Limit
from phasegate.web.context import Served

router = APIRouter(tags=["work"])
_WORK = "/work/{item}"
Item = Annotated[str, Path(pattern=r"^[0-9a-f]{16}$")]
Name = Annotated[str, Query(max_length=60)]
_GONE: Any = {409: {"model": models.Problem, "description": "another holds the order, or it waits for no answer"}}


@router.get("/work", response_model=models.Listing[Work])
async def listed(
    context: Served, token: Lists, role: Name = "", run: Name = "", after: After = "", limit: Limit = 50
) -> Any:
    """List orders to roles that an assistant works as, the oldest first."""
    found = await items_of(context.app).listed(role, run)
    rows, following = page_of(found, oldest_first, after, limit)
    return {"items": [shown(item) for item in rows], "next": following}


@router.get(_WORK, response_model=WholeWork, responses=_GONE)
async def one(item: Item, context: Served, token: Reads) -> Any:
    """Show people an order with its text, without taking it."""
    return whole_item(*await items_of(context.app).find(item))


@router.post(f"{_WORK}/take", response_model=TakenWork, responses=_GONE)
async def take(item: Item, context: Served, token: Works) -> Any:
    """Take an order for half an hour: instructions, material, and the JSON Schema of the answer."""
    return taken(await items_of(context.app).claim(item, f"api:{token.name}"))


@router.post(f"{_WORK}/renew", response_model=Work, responses=_GONE)
async def renew(item: Item, held: models.HeldWork, context: Served, token: Works) -> Any:
    """Hold an order for another half hour."""
    return shown(await items_of(context.app).renew(item, held.lease))


@router.post(f"{_WORK}/give-back", response_model=Note, responses=_GONE)
async def give_back(item: Item, held: models.HeldWork, context: Served, token: Works) -> Any:
    """Let another assistant take an order."""
    await items_of(context.app).give_back(item, held.lease)
    return Note(note="the order waits again")


@router.post(f"{_WORK}/hand-in", response_model=Work, responses=_GONE)
async def hand_in(item: Item, given: models.HandIn, context: Served, token: Works) -> Any:
    """Hand a draft or a review in, with which the run goes on.

    One that is found at fault waits again, with the reason as `problem`.
    """
    return shown(await handed_in(context.app, items_of(context.app), item, given.lease, given.answer))
