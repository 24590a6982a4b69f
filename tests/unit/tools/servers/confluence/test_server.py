"""The Confluence tools, through the protocol, with the real client library against a Confluence on loopback."""

from collections.abc import Iterator

import pytest

from phasegate.core import Missing
from phasegate.tools.servers.confluence.client import ConfluenceClient
from phasegate.tools.servers.confluence.server import build
from phasegate.tools.servers.http_calls import idempotency_label
from phasegate.tools.servers.mcp_base import KEYED_WRITE, READ
from services.calling import called, called_by_command, listed, refused
from services.confluence import BOT
from unit.tools.servers.confluence.fixtures import ADR, MIA, ConfluenceServer, confluence_server


@pytest.fixture
def at() -> Iterator[ConfluenceServer]:
    with confluence_server() as made:
        yield made


async def test_tools_say_what_they_do(at: ConfluenceServer) -> None:
    tools = await listed(at.server())
    reads = {name for name, tool in tools.items() if tool.annotations == READ}
    assert reads == {"get_page", "find_page", "search_pages", "list_pages"}
    assert tools["publish_page"].annotations == KEYED_WRITE
    assert "force" not in tools["publish_page"].inputSchema["properties"]


async def test_building_needs_settings_and_no_network() -> None:
    with pytest.raises(Missing, match="CONFLUENCE_URL"):
        build({"CONFLUENCE_TOKEN": "t"})
    assert await listed(build({"CONFLUENCE_URL": "https://confluence.invalid", "CONFLUENCE_TOKEN": "t"}))


async def test_the_command_serves_it(at: ConfluenceServer) -> None:
    environ = {"CONFLUENCE_URL": f"{at.address}/wiki", "CONFLUENCE_TOKEN": BOT[1], "CONFLUENCE_EMAIL": BOT[0]}
    said = await called_by_command("confluence", environ, "publish_page", key="adr/7", **ADR)
    assert (said["created"], at.only.now.title) == (True, "ADR 7")


async def test_a_page_is_published_once_for_a_key(at: ConfluenceServer) -> None:
    server = at.server()
    first = await called(server, "publish_page", key="adr/7", labels=["adr"], **ADR)
    again = await called(server, "publish_page", key="adr/7", labels=["adr"], **ADR)
    elsewhere = await called(at.server(), "publish_page", key="adr/7", labels=["adr"], **ADR)
    assert (first["created"], first["changed"], first["version"]) == (True, True, 1)
    assert again == elsewhere == {**first, "created": False, "changed": False}
    assert first["page"]["url"] == f"{at.address}/wiki/spaces/OPS/pages/{at.only.id}"
    assert at.only.labels == ["adr", idempotency_label("adr/7")]
    assert "<h1>Decision</h1>\n<p>We <em>stop</em> idle volumes.</p>" in at.only.now.body


async def test_new_content_makes_a_version(at: ConfluenceServer) -> None:
    server = at.server()
    await called(server, "publish_page", key="adr/7", **ADR)
    text = await called(server, "publish_page", key="adr/7", **{**ADR, "markdown": "Other"})
    title = await called(at.server(), "publish_page", key="adr/7", **{**ADR, "markdown": "Other", "title": "ADR 7b"})
    assert [(made["changed"], made["version"]) for made in (text, title)] == [(True, 2), (True, 3)]
    assert (at.only.now.title, len(at.only.versions)) == ("ADR 7b", 3)


async def test_a_page_has_its_place(at: ConfluenceServer) -> None:
    above = at.confluence.write("OPS", "Decisions", "<p/>", by=MIA)
    await called(at.server(), "publish_page", key="adr/7", parent=above.id, **ADR)
    made = at.confluence.pages[list(at.confluence.pages)[-1]]
    assert made.parent == above.id
    assert "not found" in await refused(at.server(), "publish_page", key="b", parent="1", **{**ADR, "title": "B"})


async def test_what_a_person_wrote_is_never_overwritten(at: ConfluenceServer) -> None:
    server = at.server()
    await called(server, "publish_page", key="adr/7", **ADR)
    at.confluence.edit(at.only.id, by=MIA, body="<p>Mia's</p>")
    for markdown in ("New", ADR["markdown"]):
        said = await refused(server, "publish_page", key="adr/7", **{**ADR, "markdown": markdown})
        assert "was edited since it was published: version 2 by the account 712020:mia" in said
    assert (at.only.now.body, len(at.only.versions)) == ("<p>Mia's</p>", 2)


async def test_an_edit_in_that_very_moment_is_not_overwritten(at: ConfluenceServer) -> None:
    server = at.server()
    await called(server, "publish_page", key="adr/7", **ADR)
    at.confluence.faults.meanwhile(
        "PUT", "/pages/[0-9]+$", lambda: at.confluence.edit(at.only.id, by=MIA, body="<p>M</p>")
    )
    assert "changed meanwhile" in await refused(server, "publish_page", key="adr/7", **{**ADR, "markdown": "New"})
    assert at.only.now.body == "<p>M</p>"


async def test_a_page_of_somebody_else_is_left_alone(at: ConfluenceServer) -> None:
    at.confluence.write("OPS", "ADR 7", "<p>Mia's</p>", by=MIA)
    said = await refused(at.server(), "publish_page", key="adr/7", **ADR)
    assert "there is a page 'ADR 7'" in said
    assert "not published for this key" in said
    server = at.server()
    await called(server, "publish_page", key="adr/8", **{**ADR, "title": "ADR 8"})
    assert "not published for this key" in await refused(
        server, "publish_page", key="other", **{**ADR, "title": "ADR 8"}
    )


async def test_a_copy_of_a_page_is_not_taken_for_it(at: ConfluenceServer) -> None:
    server = at.server()
    await called(server, "publish_page", key="adr/7", **ADR)
    original = at.only
    copy = at.confluence.write("ADR", "ADR 7", original.now.body, by=MIA)
    copy.labels, copy.properties = list(original.labels), dict(original.properties)
    at.confluence.pages = {copy.id: copy, original.id: original}
    assert (await called(at.server(), "find_page", key="adr/7"))["page"]["id"] == original.id
    made = await called(at.server(), "publish_page", key="adr/7", **{**ADR, "markdown": "New"})
    assert (made["page"]["id"], len(copy.versions)) == (original.id, 1)


async def test_a_page_is_found_by_its_key(at: ConfluenceServer) -> None:
    server = at.server()
    assert await called(server, "find_page", key="adr/7") == {"found": False, "page": None}
    made = await called(server, "publish_page", key="adr/7", **ADR)
    assert await called(at.server(), "find_page", key="adr/7") == {"found": True, "page": made["page"]}


@pytest.mark.parametrize("fresh", [False, True])
async def test_a_page_is_known_before_search_knows_it(at: ConfluenceServer, fresh: bool) -> None:
    server = at.server()
    await called(server, "publish_page", key="adr/7", **ADR)
    at.confluence.unindexed.add(at.only.id)
    again = await called(at.server() if fresh else server, "publish_page", key="adr/7", **ADR)
    assert (again["created"], again["changed"]) == (False, False)


async def test_a_page_that_was_deleted_is_made_again(at: ConfluenceServer) -> None:
    server = at.server()
    await called(server, "publish_page", key="adr/7", **ADR)
    at.only.status = "trashed"
    assert (await called(server, "publish_page", key="adr/7", **ADR))["created"]
    assert len(at.confluence.pages) == 2


async def test_a_page_is_read(at: ConfluenceServer) -> None:
    server = at.server()
    made = await called(server, "publish_page", key="adr/7", labels=["adr"], **ADR)
    read = await called(server, "get_page", page=made["page"]["id"])
    assert (read["title"], read["version"], read["cut"]) == ("ADR 7", 1, False)
    assert read["updated_by"] == "712020:phasegate"
    assert "adr" in read["labels"]
    at.confluence.edit(at.only.id, by=MIA, body="<p>" + "x" * 60_000 + "</p>")
    long = await called(server, "get_page", page=made["page"]["id"])
    assert (len(long["body"]), long["cut"]) == (50_000, True)


async def test_lists_go_page_by_page(at: ConfluenceServer) -> None:
    for number in range(5):
        at.confluence.write("OPS", f"Volume {number}", "<p>idle</p>", by=MIA)
    at.confluence.write("ADR", "Volume x", "<p>idle</p>", by=MIA)
    server = at.server()
    for tool, asked in (("list_pages", {"space": "OPS"}), ("search_pages", {"text": "idle volume", "space": "OPS"})):
        first = await called(server, tool, limit=3, **asked)
        rest = await called(server, tool, limit=3, cursor=first["next_cursor"], **asked)
        assert [page["title"] for page in first["pages"] + rest["pages"]] == [f"Volume {number}" for number in range(5)]
        assert rest["next_cursor"] == ""
    assert len((await called(server, "search_pages", text="idle"))["pages"]) == 6


async def test_a_token_without_an_address_is_a_bearer(at: ConfluenceServer) -> None:
    assert (await called(at.server(email=""), "list_pages", space="OPS"))["pages"] == []


@pytest.mark.parametrize(
    ("given", "site"),
    [
        ("https://x.atlassian.net/", "https://x.atlassian.net/wiki"),  # what people copy from the address bar
        ("https://x.atlassian.net/wiki", "https://x.atlassian.net/wiki"),
        ("https://api.atlassian.com/ex/confluence/1", "https://api.atlassian.com/ex/confluence/1"),
        ("https://wiki.example.com", "https://wiki.example.com"),
    ],
)
def test_the_address_of_a_cloud_may_lack_its_path(given: str, site: str) -> None:
    assert ConfluenceClient(given, "t").site == site
