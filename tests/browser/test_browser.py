"""A manager with a real browser and the real team, from the backlog to a released package."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from phasegate.demo import account
from phasegate.ledger import create_key
from unit.authors.sample_spec import sample_repository

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(420)]

PASSPHRASE = "correct horse battery"
WORK_MS = 120_000
"""How long the team may take for a phase, on a slow machine."""


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """`phasegate serve` over a repository with one spec; gives its address."""
    folder = tmp_path_factory.mktemp("browser")
    key = create_key(folder / "ada.key", PASSPHRASE)
    (folder / "passphrase").write_text(PASSPHRASE)
    command = [sys.executable, "-m", "phasegate.cli"]
    add = ["account", "add", "ada", "--key", str(folder / "ada.key"), "--passphrase-file", str(folder / "passphrase")]
    with account() as aws:
        managers = {"ada": key}
        target = sample_repository(folder / "target", managers=managers, endpoint=aws.address)
        subprocess.run([*command, *add], cwd=target, check=True)
        serve = [*command, "serve", "--port", "0"]
        with subprocess.Popen(serve, cwd=target, stdout=subprocess.PIPE, text=True) as server:
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


def to_the_gate(page: Page, phase: str) -> None:
    """Waits on the run's page, which is not loaded again, until the gate is open."""
    page.get_by_role("link", name=f"Decide: {phase}").click(timeout=WORK_MS)


def decide(page: Page, what: str) -> None:
    page.get_by_role("radio", name=what).check()
    page.get_by_label("Your passphrase").fill(PASSPHRASE)
    page.get_by_role("button", name="Sign and record").click()


def test_from_the_backlog_to_a_release(served: str, chromium: Browser, pictures: Path) -> None:
    context = chromium.new_context(viewport={"width": 1280, "height": 860})
    page = context.new_page()
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    sign_in(page, served)
    page.get_by_role("link", name="Backlog", exact=True).click()
    page.get_by_role("button", name="Start Free volumes").click()

    to_the_gate(page, "specify")
    expect(page.get_by_role("heading", name="Spec review: Free volumes")).to_be_visible()
    page.screenshot(path=pictures / "gate.png")
    page.get_by_role("button", name="Comment at line").first.click()
    page.keyboard.type("Say in which regions.")
    page.screenshot(path=pictures / "comment.png")
    decide(page, "Request changes")

    expect(page.get_by_text("You sent back: specify")).to_be_visible()
    to_the_gate(page, "specify")
    expect(page.get_by_role("heading", name="Answers to your comments")).to_be_visible(timeout=WORK_MS)
    expect(page.get_by_text("Say in which regions.").first).to_be_visible()
    page.screenshot(path=pictures / "rework.png")
    decide(page, "Approve")

    for phase in ("plan", "tasks", "build"):
        to_the_gate(page, phase)
        page.screenshot(path=pictures / f"gate-{phase}.png", full_page=phase == "plan")
        decide(page, "Approve")
    page.screenshot(path=pictures / "run.png", full_page=True)

    to_the_gate(page, "release")
    at_the_release(page, pictures)
    expect(page.locator(".status")).to_have_text("released", timeout=WORK_MS)
    page.screenshot(path=pictures / "released.png", full_page=True)
    page.get_by_role("link", name="Record", exact=True).click()
    expect(page.get_by_text("approved").first).to_be_visible()
    page.screenshot(path=pictures / "record.png")
    refused = [line for line in said if "status of 401" in line or "status of 403" in line]
    assert (said, len(refused)) == (refused, 2)  # before the sign-in, and for the wrong passphrase
    assert [url for url in asked if not url.startswith((served, "data:"))] == []


def at_the_release(page: Page, pictures: Path) -> None:
    """Signs with a wrong passphrase first, then with the right one."""
    page.screenshot(path=pictures / "gate-release.png")
    field = page.get_by_label("Your passphrase")
    expect(field).to_be_visible()
    page.get_by_role("radio", name="Approve").check()
    field.fill("wrong")
    page.get_by_role("button", name="Sign and record").click()
    expect(page.get_by_role("alert")).to_contain_text("wrong_passphrase")
    page.screenshot(path=pictures / "refused.png")
    decide(page, "Approve")


def test_by_keyboard_and_on_a_phone(served: str, chromium: Browser, pictures: Path) -> None:
    context = chromium.new_context(viewport={"width": 390, "height": 844}, color_scheme="dark", has_touch=True)
    page = context.new_page()
    page.goto(served)
    page.keyboard.type("ada")
    page.keyboard.press("Tab")
    page.keyboard.type(PASSPHRASE)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Inbox")).to_be_visible()
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    for path in ("/", "/runs", "/backlog", "/spend", "/record", "/delegations"):
        page.goto(f"{served}{path}")
        page.screenshot(path=pictures / f"phone{path.replace('/', '-')}.png")
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, path
