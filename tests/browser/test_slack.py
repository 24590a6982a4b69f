"""A manager leaves their key unlocked for Slack with a real browser: by mouse at a desk, by keyboard on a phone."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from phasegate.ledger import create_key
from services import serve
from services.slack import TOKEN, SlackService, User
from services.slack_clicks import SECRET
from unit.authors.sample_spec import sample_repository
from unit.web.fixtures import in_slack

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(420)]

PASSPHRASE = "correct horse battery"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """`phasegate serve` with a Slack in which ada is Ada Lovelace; gives its address."""
    folder = tmp_path_factory.mktemp("browser")
    key = create_key(folder / "ada.key", PASSPHRASE)
    (folder / "passphrase").write_text(PASSPHRASE)
    command = [sys.executable, "-m", "phasegate.cli"]
    add = ["account", "add", "ada", "--key", str(folder / "ada.key"), "--passphrase-file", str(folder / "passphrase")]
    target = sample_repository(folder / "target", managers={"ada": key})
    in_slack(target, {"ada": "U0ADA"})
    subprocess.run([*command, *add], cwd=target, check=True)
    slack = SlackService()
    slack.users["U0ADA"] = User(id="U0ADA", name="ada lovelace")
    with serve(slack) as address:
        of_slack = {"SLACK_BOT_TOKEN": TOKEN, "SLACK_SIGNING_SECRET": SECRET, "SLACK_API_URL": f"{address}/api/"}
        serving = [*command, "serve", "--port", "0", "--no-worker"]
        with subprocess.Popen(
            serving, cwd=target, env=os.environ | of_slack, stdout=subprocess.PIPE, text=True
        ) as server:
            assert server.stdout
            found = re.search(r"http://\S+", server.stdout.readline())
            assert found
            yield found[0]
            server.terminate()
            assert server.wait(30) == 0


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """The machine's own Chromium, or the one that playwright installed."""
    own = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=own, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where screenshots go: PHASEGATE_SCREENSHOTS, or a folder that goes with the test."""
    named = os.environ.get("PHASEGATE_SCREENSHOTS")
    folder = Path(named) if named else tmp_path_factory.mktemp("screenshots")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def sign_in(page: Page, address: str) -> None:
    page.goto(address)
    page.get_by_label("Name").fill("ada")
    page.get_by_label("Passphrase").fill(PASSPHRASE)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="Inbox")).to_be_visible()


def test_unlocked_and_ended_at_a_desk(served: str, chromium: Browser, pictures: Path) -> None:
    page = chromium.new_context(viewport={"width": 1280, "height": 860}).new_page()
    sign_in(page, served)
    page.get_by_role("link", name="Slack", exact=True).click()
    expect(page.get_by_text("Ada Lovelace")).to_be_visible()
    page.screenshot(path=pictures / "slack-locked.png")
    page.get_by_role("radio", name="4 hours").check()
    page.get_by_label("Your passphrase").fill("wrong")
    page.get_by_role("button", name="Unlock for Slack").click()
    expect(page.get_by_role("alert")).to_contain_text("wrong_passphrase")
    expect(page.get_by_role("radio", name="4 hours")).to_be_checked()
    page.get_by_label("Your passphrase").fill(PASSPHRASE)
    page.get_by_role("button", name="Unlock for Slack").click()
    expect(page.get_by_role("heading", name="Unlocked until")).to_be_visible()
    page.screenshot(path=pictures / "slack-unlocked.png")
    page.get_by_role("button", name="End now").click()
    expect(page.get_by_text("Locked: a click in Slack decides nothing for you.")).to_be_visible()


def test_by_keyboard_on_a_phone(served: str, chromium: Browser, pictures: Path) -> None:
    context = chromium.new_context(viewport={"width": 390, "height": 844}, color_scheme="dark", has_touch=True)
    page = context.new_page()
    sign_in(page, served)
    page.goto(f"{served}/slack")
    page.get_by_role("radio", name="1 hour").focus()
    page.keyboard.press("ArrowDown")
    expect(page.get_by_role("radio", name="4 hours")).to_be_checked()
    page.keyboard.press("Tab")
    expect(page.get_by_label("Your passphrase")).to_be_focused()
    page.keyboard.type(PASSPHRASE)
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Unlocked until")).to_be_visible()
    page.screenshot(path=pictures / "phone-slack.png", full_page=True)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    here = page.get_by_role("link", name="Slack", exact=True).bounding_box()
    assert here
    assert here["x"] + here["width"] <= 390
    page.get_by_role("button", name="End now").click()
    page.screenshot(path=pictures / "phone-slack-locked.png", full_page=True)
    expect(page.get_by_text("Locked: a click in Slack")).to_be_visible()
