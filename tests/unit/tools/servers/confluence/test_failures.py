"""What the Confluence tools do when Confluence, the way to it, or the caller's text is not as one would wish."""

from collections.abc import Callable, Iterator
from xml.etree import ElementTree

import pytest

from phasegate.tools.servers.confluence.storage import storage
from services.calling import called, refused
from services.confluence import BOT
from unit.tools.servers.confluence.fixtures import ADR, MIA, ConfluenceServer, confluence_server

PAGE = "/pages/[0-9]+$"

pytestmark = pytest.mark.slow


@pytest.fixture
def at() -> Iterator[ConfluenceServer]:
    with confluence_server() as made:
        yield made


BREAKS: dict[str, Callable[[ConfluenceServer, str, str], None]] = {
    "502 after it was done": lambda at, method, path: at.confluence.faults.error(method, path, status=502, done=True),
    "torn": lambda at, method, path: at.confluence.faults.torn(method, path),
    "lost": lambda at, method, path: at.confluence.faults.lost(method, path),
    "late": lambda at, method, path: at.confluence.faults.slow(method, path, seconds=0.6),
}


@pytest.mark.parametrize("how", BREAKS)
async def test_a_creation_whose_answer_was_lost_is_found(at: ConfluenceServer, how: str) -> None:
    BREAKS[how](at, "POST", "/pages$")
    server = at.server(answer_s=0.3)
    first = await called(server, "publish_page", key="k", **ADR)
    again = await called(at.server(), "publish_page", key="k", **ADR)
    assert (first["page"], again["changed"]) == (again["page"], False)
    assert at.confluence.faults.count("POST", "/pages$") == len(at.confluence.pages) == 1


@pytest.mark.parametrize("how", BREAKS)
async def test_an_update_whose_answer_was_lost_is_found(at: ConfluenceServer, how: str) -> None:
    server = at.server(answer_s=0.3)
    await called(server, "publish_page", key="k", **ADR)
    BREAKS[how](at, "PUT", PAGE)
    made = await called(server, "publish_page", key="k", **{**ADR, "markdown": "New"})
    assert (made["changed"], made["version"], len(at.only.versions)) == (True, 2, 2)


@pytest.mark.parametrize("path", ["/pages$", "/properties$", "/label$"])
async def test_a_publication_that_broke_off_is_completed(at: ConfluenceServer, path: str) -> None:
    def break_off() -> None:
        at.confluence.faults.error("*", "", status=500, times=100)

    at.confluence.faults.error("POST", path, status=500, done=path == "/pages$", meanwhile=break_off)
    assert "Confluence failed (500)" in await refused(at.server(), "publish_page", key="k", **ADR)
    at.confluence.faults.clear()
    again = await called(at.server(), "publish_page", key="k", **ADR)
    assert (again["changed"], again["version"], len(at.only.labels)) == (False, 1, 1)
    assert (await called(at.server(), "publish_page", key="k", **{**ADR, "markdown": "New"}))["version"] == 2


async def test_an_update_that_broke_off_before_its_note_is_completed(at: ConfluenceServer) -> None:
    server = at.server()
    await called(server, "publish_page", key="k", **ADR)
    at.confluence.faults.error("PUT", "/properties/", status=500)
    new = {**ADR, "markdown": "New"}
    assert "may or may not" in await refused(server, "publish_page", key="k", **new)
    again = await called(server, "publish_page", key="k", **new)
    assert (again["changed"], again["version"]) == (False, 2)
    at.confluence.edit(at.only.id, by=MIA, body="<p>Mia's</p>")
    assert "was edited" in await refused(server, "publish_page", key="k", **new)


async def test_an_update_that_did_not_happen_is_not_repeated(at: ConfluenceServer) -> None:
    server = at.server()
    await called(server, "publish_page", key="k", **ADR)
    at.confluence.faults.error("PUT", PAGE, status=500)
    assert "may or may not have happened" in await refused(
        server, "publish_page", key="k", **{**ADR, "markdown": "New"}
    )
    assert (at.confluence.faults.count("PUT", PAGE), len(at.only.versions)) == (1, 1)


async def test_429_is_waited_for(at: ConfluenceServer) -> None:
    at.confluence.faults.too_many("POST", "/pages$", retry_after="4")
    at.confluence.faults.too_many("GET", "/rest/api/search", retry_after="3")
    assert (await called(at.server(), "publish_page", key="k", **ADR))["created"]
    assert (at.slept, len(at.confluence.pages)) == ([3, 4], 1)
    at.confluence.faults.too_many("GET", PAGE, retry_after="900")
    assert "asks to wait 900 s" in await refused(at.server(), "get_page", page=at.only.id)


@pytest.mark.parametrize("how", BREAKS)
async def test_a_read_is_asked_again(at: ConfluenceServer, how: str) -> None:
    page = at.confluence.write("OPS", "One", "<p/>", by=MIA)
    BREAKS[how](at, "GET", PAGE)
    assert (await called(at.server(answer_s=0.3), "get_page", page=page.id))["title"] == "One"
    assert at.confluence.faults.count("GET", PAGE) == 2


async def test_a_confluence_that_is_down_is_told(at: ConfluenceServer) -> None:
    at.confluence.faults.error("GET", "", status=503, times=3)
    assert "Confluence failed (503); call again later" in await refused(at.server(), "get_page", page="1")


async def test_credentials_that_ended_are_told_and_not_shown(at: ConfluenceServer) -> None:
    at.confluence.faults.expired("GET", PAGE)
    for server in (at.server(), at.server(token="s3cret-but-wrong")):
        said = await refused(server, "get_page", page="1")
        assert "does not accept the credentials (401); set CONFLUENCE_TOKEN" in said
        assert BOT[1] not in said
        assert "s3cret" not in said


async def test_what_is_not_there_is_told(at: ConfluenceServer) -> None:
    assert "cannot read the page 1: not found: Not Found" in await refused(at.server(), "get_page", page="1")
    assert "there is no space NO" in await refused(at.server(), "publish_page", key="k", **{**ADR, "space": "NO"})
    at.confluence.faults.error("GET", "/spaces", status=403)
    assert "the account may not find the space" in await refused(at.server(), "list_pages", space="OPS")


HOSTILE = [
    'x" OR type = page OR label = "y',
    "x\\",
    'x\\" OR type = page --',
    "x' OR 'a' = 'a",
    "%22 OR 1=1",
    "a&limit=9#?/../x",
]


@pytest.mark.parametrize("text", HOSTILE)
async def test_no_text_changes_a_query(at: ConfluenceServer, text: str) -> None:
    at.confluence.write("OPS", "Secret plans", "<p>hidden</p>", by=MIA)
    server = at.server()
    assert (await called(server, "search_pages", text=f"{text}\n nowhere", space="OPS"))["pages"] == []
    assert not (await called(server, "find_page", key=text))["found"]
    made = await called(server, "publish_page", key=text, **{**ADR, "title": text})
    assert (made["page"]["title"], len(at.confluence.pages)) == (text, 2)
    assert "space" in await refused(server, "list_pages", space=text)
    assert "space" in await refused(server, "publish_page", key="k", **{**ADR, "space": text})
    for page in (text, "1/../../spaces", "1?expand=x"):
        assert "page" in await refused(server, "get_page", page=page)


async def test_a_title_of_two_lines_is_refused(at: ConfluenceServer) -> None:
    assert "title" in await refused(at.server(), "publish_page", key="k", **{**ADR, "title": "a\nb"})


MARKUP = [
    "<script>alert(1)</script>",
    '<ac:structured-macro ac:name="html"><ac:plain-text-body>x</ac:plain-text-body></ac:structured-macro>',
    "text <ac:link><ri:user ri:account-id='1'/></ac:link> `<ri:url ri:value='x'/>`",
    '[x](https://a/"><ac:structured-macro>) <https://a/"b>',
    "```\n]]></ac:plain-text-body><ac:structured-macro ac:name='html'/>\n```",
    '```x"><ri:user/>\ncode\n```',
    "![<ri:url/>](https://evil/pixel.png '\"><ri:url/>')",
    "[x](javascript:alert(1)) [y](file:///etc/passwd) [z](data:text/html,x)",
    "| <ac:image/> | b |\n|---|---|\n| <ri:x/> | {html} |",
    "\x00\x08\x1f\ufffe &nbsp; &lt;ac:image/&gt; &#60;script>",
]


@pytest.mark.parametrize("markdown", MARKUP)
async def test_markup_in_markdown_stays_text(at: ConfluenceServer, markdown: str) -> None:
    await called(at.server(), "publish_page", key="k", **{**ADR, "markdown": markdown})
    names = 'xmlns:ac="ac" xmlns:ri="ri"'
    elements = list(ElementTree.fromstring(f"<page {names}>{at.only.now.body}</page>").iter())
    allowed = {"page", "p", "a", "span", "code", "table", "thead", "tbody", "tr", "th", "td", "{ac}structured-macro"}
    assert {element.tag for element in elements} <= allowed | {"{ac}parameter", "{ac}plain-text-body"}
    macros = {element.get("{ac}name") for element in elements if element.tag == "{ac}structured-macro"}
    assert macros <= {"anchor", "code"}
    links = [element.get("href", "") for element in elements if element.tag == "a"]
    assert all(link.startswith("https://") for link in links)


async def test_the_label_of_another_key_cannot_be_given(at: ConfluenceServer) -> None:
    given = {**ADR, "labels": ["phasegate-0123456789abcdef"]}
    assert "stands for a key" in await refused(at.server(), "publish_page", key="k", **given)


@pytest.mark.parametrize(
    ("markdown", "written"),
    [
        ("# T\n\n*a* **b** ~~c~~ `d`", "<h1>T</h1>\n<p><em>a</em> <strong>b</strong> <s>c</s> <code>d</code></p>"),
        ("[a](https://x/?a=1&b=2)", '<p><a href="https://x/?a=1&amp;b=2">a</a></p>'),
        ("[a](docs/x.md)", "<p><span>a</span></p>"),
        ("![p](https://x/p.png)", '<p><a href="https://x/p.png">p</a></p>'),
        ("a  \nb\n\n---", "<p>a<br />\nb</p>\n<hr />"),
        (
            "```python\nx = ']]>'\n```",
            '<ac:structured-macro ac:name="code"><ac:parameter ac:name="language">python</ac:parameter>'
            "<ac:plain-text-body><![CDATA[x = ']]]]><![CDATA[>'\n]]></ac:plain-text-body></ac:structured-macro>",
        ),
    ],
)
def test_markdown_becomes_storage_format(markdown: str, written: str) -> None:
    assert storage(markdown) == written
