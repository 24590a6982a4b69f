"""The card that the mirror posts is the one that a manager decides on, and shows afterwards what came of it."""

from phasegate.app import Mirror
from phasegate.core import FixedClock
from phasegate.notifications import follower_of, grant_all
from phasegate.tools.servers import RetryPolicy
from phasegate.tools.servers.slack import APPROVE, OPEN, SlackClient, serving
from services.confluence import ConfluenceService
from services.jira import JiraService
from services.slack import NOW as THEN
from services.slack import TOKEN
from services.teams import TeamsService
from unit.notifications.fixtures import Inside, Services
from unit.web.clicking import Channel, buttons, shown
from unit.web.fixtures import ORIGIN


async def test_a_mirrored_card_is_decided_on_by_a_click(at: Channel) -> None:
    client = SlackClient(TOKEN, f"{at.slack.clicks.address}/api/", RetryPolicy(sleep=lambda _: None), FixedClock(THEN))
    servers = {"slack": serving(client)}
    sessions = Inside(Services(JiraService(), ConfluenceService(), at.slack, TeamsService(), servers))
    app = at.here.app
    mirror = Mirror.model_validate({"link": ORIGIN, "slack": {"channel": "C0OPS"}})
    object.__setattr__(app, "config", app.config.model_copy(update={"mirror": mirror}))
    await grant_all(app, sessions, "ada", at.here.keys["ada"])
    follower = follower_of(app, sessions)
    await follower.step()
    key = await at.here.gate()
    await follower.step()
    (card,) = at.slack.ops.messages
    (value,) = {part["value"] for block in card.blocks for part in block.get("elements", []) if "value" in part}
    await at.unlocks("ada")
    answer = await at.press("U0ADA", APPROVE, key, card, value=value)
    assert answer.status_code == 200, answer.text
    assert await at.decided(key) == ("approve", "ada")
    told = shown(card)
    for _ in range(2):
        await follower.step()
    assert at.slack.ops.messages == [card]
    assert shown(card) == told, "both say the same of it"
    assert buttons(card) == [OPEN]
