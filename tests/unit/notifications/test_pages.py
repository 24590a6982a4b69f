"""Pages of a release say what was released, wherever they can lie; the digest leads to what waits, in local time."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from phasegate.notifications.digests import Digests
from phasegate.reports import remarks
from unit.notifications.fixtures import EVERYTHING, RELEASED, Services, notified, services

RECORD = (
    b"# Look before you delete\n\nDate: 2026-11-18\\\nStatus: proposed; accepted when this is approved\n\nWe look.\n"
)


@pytest.fixture
def there() -> Iterator[Services]:
    with services() as found:
        yield found


async def test_a_released_decision_is_accepted_and_a_lost_parent_loses_no_page(tmp_path: Path, there: Services) -> None:
    config = {"confluence": {"space": "OPS", "parent": "17"}}
    title = b"# " + "Ü".encode() * 300 + b"\n\nNotes\n"
    async with notified(tmp_path / "target", there, config) as d:
        files = {**RELEASED, "docs/decisions/0001-free-volumes.md": RECORD, "docs/releases/0.1.0.md": title}
        await d.approved("release", files)
        await d.ends()
        await d.step()
        pages = {page.now.title: page.now.body for page in there.confluence.pages.values()}
        assert len(pages) == 3
        body = pages["acme-runbooks: Look before you delete"]
        assert "accepted; released as acme-runbooks 0.1.0 on 2026-11-18" in body
        assert "proposed" not in body
        assert [title[-1] for title in pages if len(title) == 255] == ["…"]
        left = (await remarks(d.app))[d.run.id]
        assert len(left) == 3
        assert "at the top of the space" in left[0].says


async def test_the_digest_has_links_and_the_teams_time(tmp_path: Path, there: Services) -> None:
    config = {**EVERYTHING, "digest_at": "21:00", "timezone": "Europe/Berlin"}  # it is 20:10 UTC
    async with notified(tmp_path / "target", there, config) as d:
        gate = await d.opens("plan")
        await Digests(d.app, d.follower).look()
        (text,) = [message.text for message in there.slack.ops.messages]
        assert f"https://phasegate.example.com/gates/{gate.key}" in text
        assert "14 d left" in text
