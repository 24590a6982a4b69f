"""The page on which a manager leaves their key unlocked for Slack."""

from pathlib import Path

import pytest

from services.slack import SlackService, User
from unit.web.clicking import Channel, channel
from unit.web.fixtures import in_slack, web_server

PAGE = "/slack"


async def test_unlocking_says_for_whom_and_until_when(at: Channel) -> None:
    async with at.here.browser("ada") as ada, at.here.browser("amy") as amy:
        page = (await ada.client.get(PAGE)).text
        assert ("Locked: a click" in page, "<strong>Ada</strong> in Slack, <code>U0ADA</code>" in page) == (True, True)
        assert ('href="/slack" aria-current="page"' in page, "release" in page.lower()) == (True, True)
        answer = await at.unlocks("ada", hours="4")
        assert (answer.status_code, answer.headers["location"]) == (303, PAGE)
        page = (await ada.client.get(PAGE)).text
        assert ("Unlocked until 19 Nov 2026, 00:10 UTC" in page, "End now" in page) == (True, True)
        assert "Locked: a click" in (await amy.client.get(PAGE)).text
        ended = await ada.client.post(f"{PAGE}/end", data=await ada.form(PAGE))
        assert (ended.status_code, "Locked: a click" in (await ada.client.get(PAGE)).text) == (303, True)
    assert await at.here.parts.unlocked.find("ada") is None


@pytest.mark.parametrize(
    ("more", "status", "reason"),
    [
        pytest.param({"passphrase": "wrong"}, 403, "wrong_passphrase", id="with a wrong passphrase"),
        pytest.param({"passphrase": ""}, 403, "reauthentication_required", id="without one, just after signing in"),
        pytest.param({"hours": ""}, 422, "invalidinput", id="for no time"),
        pytest.param({"hours": "24"}, 422, "invalidinput", id="for a day"),
        pytest.param({"hours": "08"}, 422, "invalidinput", id="for hours that are not offered"),
        pytest.param({"user": "U0EVE"}, 422, "invalidinput", id="for somebody else"),
        pytest.param({"user": ""}, 422, "invalidinput", id="for nobody"),
    ],
)
async def test_what_is_not_filled_in_right_unlocks_nothing(
    at: Channel, more: dict[str, str], status: int, reason: str
) -> None:
    answer = await at.unlocks("ada", **more)
    assert (answer.status_code, f"<code>{reason}</code>" in answer.text) == (status, True)
    assert await at.here.parts.unlocked.find("ada") is None


async def test_passphrases_are_not_tried_out_here_either(at: Channel) -> None:
    async with at.here.browser("ada") as ada:
        fields = {**await ada.form(PAGE), "hours": "1", "passphrase": "wrong"}
        answers = [(await ada.client.post(PAGE, data=fields)).status_code for _ in range(6)]
    assert answers == [403] * 5 + [429]


async def test_id_that_changed_since_the_page_was_loaded_is_looked_at_again(at: Channel) -> None:
    async with at.here.browser("ada") as ada:
        fields = {**await ada.form(PAGE), "hours": "1", "passphrase": "correct horse battery"}
        in_slack(at.here.app.folder.path, {"ada": "U0EVE"})
        assert (await ada.client.post(PAGE, data=fields)).status_code == 422
    assert await at.here.parts.unlocked.find("ada") is None


async def test_key_that_is_for_another_id_by_now_is_said(at: Channel) -> None:
    await at.unlocks("ada")
    in_slack(at.here.app.folder.path, {"ada": "U0EVE"})
    async with at.here.browser("ada") as ada:
        assert "no click is taken until you unlock it again" in (await ada.client.get(PAGE)).text


@pytest.mark.parametrize(
    ("member", "says"),
    [
        pytest.param("U0OTHER", "is a bot in Slack", id="a bot"),
        pytest.param("U0GONE", "has left Slack", id="who left"),
        pytest.param("U0GUEST", "is of another workspace", id="from another workspace"),
        pytest.param("U0NOBODY", "not_found", id="nobody"),
    ],
)
async def test_who_is_no_person_of_this_workspace_is_not_unlocked_for(
    tmp_path: Path, running: SlackService, member: str, says: str
) -> None:
    async with channel(tmp_path, running, members={"ada": member}) as at:
        for user in (User(id="U0GONE", name="x", deleted=True), User(id="U0GUEST", name="x", team="T2")):
            running.users[user.id] = user
        async with at.here.browser("ada") as ada:
            page = (await ada.client.get(PAGE)).text
            assert (says in page, "Unlock for Slack" in page) == (True, False)
        answer = await at.unlocks("ada", user=member)
        assert (answer.status_code >= 400, says in answer.text) == (True, True)
        assert await at.here.parts.unlocked.find("ada") is None


async def test_slack_that_does_not_answer_is_said_and_nothing_unlocked(at: Channel) -> None:
    at.slack.refusing["users.info"] = "token_expired"
    async with at.here.browser("ada") as ada:
        page = await ada.client.get(PAGE)
        assert (page.status_code, "does not accept the token" in page.text) == (200, True)
    assert (await at.unlocks("ada", user="U0ADA")).status_code == 503


async def test_who_has_no_id_or_is_no_manager_is_told_what_is_missing(tmp_path: Path, running: SlackService) -> None:
    async with channel(tmp_path, running, members={}) as at:
        async with at.here.browser("ada") as ada, at.here.browser("eve") as eve:
            assert (
                "slack = &#34;" in (await ada.client.get(PAGE)).text or 'slack = "' in (await ada.client.get(PAGE)).text
            )
            assert "no manager of this repository" in (await eve.client.get(PAGE)).text
        assert (await at.unlocks("ada", user="")).status_code == 422


async def test_without_slack_the_menu_does_not_name_it(tmp_path: Path) -> None:
    async with web_server(tmp_path) as here, here.browser("ada") as ada:
        page = (await ada.client.get(PAGE)).text
        assert ("is not set up on this server" in page, 'href="/slack"' in page) == (True, False)
        fields = {**await ada.form("/record"), "hours": "1", "passphrase": "correct horse battery", "user": ""}
        assert (await ada.client.post(PAGE, data=fields)).status_code == 404
