"""The Jira tools, through the protocol, with the real client library against a Jira on loopback."""

from collections.abc import Iterator

import pytest

from phasegate.core import Missing
from phasegate.tools.servers.http_calls import idempotency_label
from phasegate.tools.servers.jira.server import build
from phasegate.tools.servers.mcp_base import KEYED_WRITE, READ, WRITE
from services.calling import called, called_by_command, listed, refused
from services.jira import BOT
from services.jira_state import SUBTASK, WORKFLOW, Transition
from unit.tools.servers.jira.fixtures import ISSUE, MIA, JiraServer, jira_server

READS = {
    "search_issues",
    "get_issue",
    "find_issue",
    "list_transitions",
    "list_comments",
    "find_comment",
    "list_exceptions",
}


@pytest.fixture
def at() -> Iterator[JiraServer]:
    with jira_server() as made:
        yield made


@pytest.fixture(params=["Cloud", "Server"])
def either(request: pytest.FixtureRequest) -> Iterator[JiraServer]:
    """A Cloud, and a Data Center where the two differ: credentials, search."""
    with jira_server(request.param) as made:
        yield made


async def test_tools_say_what_they_do() -> None:
    with jira_server() as at:
        tools = await listed(at.server())
    assert {name for name, tool in tools.items() if tool.annotations == READ} == READS
    assert {name for name, tool in tools.items() if tool.annotations == WRITE} == {"update_issue"}
    assert {name for name, tool in tools.items() if tool.annotations == KEYED_WRITE} == {
        "create_issue", "transition_issue", "add_comment", "link_issues", "create_exception",
    }  # fmt: skip
    assert all(tool.description and tool.outputSchema for tool in tools.values())


async def test_building_needs_settings_and_no_network() -> None:
    with pytest.raises(Missing, match="JIRA_TOKEN"):
        build({"JIRA_URL": "https://jira.invalid"})
    assert await listed(build({"JIRA_URL": "https://jira.invalid", "JIRA_TOKEN": "t"}))


async def test_the_command_serves_it() -> None:
    with jira_server() as at:
        at.jira.add("Find idle volumes")
        environ = {"JIRA_URL": at.address, "JIRA_TOKEN": BOT.token, "JIRA_EMAIL": BOT.email}
        said = await called_by_command("jira", environ, "get_issue", issue="PG-1")
    assert said["summary"] == "Find idle volumes"


async def test_an_issue_is_created_once_for_a_key(either: JiraServer) -> None:
    server = either.server()
    first = await called(server, "create_issue", key="r-1/card", labels=["cost"], **ISSUE)
    again = await called(either.server(), "create_issue", key="r-1/card", **{**ISSUE, "summary": "Other"})
    other = await called(server, "create_issue", key="r-2/card", **ISSUE)
    assert (first["created"], again["created"], other["created"]) == (True, False, True)
    assert again["issue"] == first["issue"]
    assert first["issue"]["url"] == f"{either.address}/browse/PG-1"
    assert first["issue"]["labels"] == ["cost", idempotency_label("r-1/card")]
    assert either.jira.issues["PG-1"].description == "They cost _money_."
    assert len(either.jira.issues) == 2


async def test_an_issue_is_found_by_its_key(at: JiraServer) -> None:
    server = at.server()
    assert await called(server, "find_issue", key="r-1") == {"found": False, "issue": None}
    made = await called(server, "create_issue", key="r-1", **ISSUE)
    assert await called(at.server(), "find_issue", key="r-1") == {"found": True, "issue": made["issue"]}


async def test_a_server_knows_what_it_made_before_search_does(at: JiraServer) -> None:
    server = at.server()
    await called(server, "create_issue", key="r-1", **ISSUE)
    at.jira.unindexed.add("PG-1")
    again = await called(server, "create_issue", key="r-1", **ISSUE)
    assert (again["created"], list(at.jira.issues)) == (False, ["PG-1"])
    del at.jira.issues["PG-1"]
    assert (await called(server, "create_issue", key="r-1", **ISSUE))["created"]


async def test_an_issue_shows_its_neighbours_and_history(at: JiraServer) -> None:
    server = at.server()
    await called(server, "create_issue", key="a", **ISSUE)
    await called(server, "create_issue", key="b", **{**ISSUE, "type": "Sub-task", "summary": "Count", "parent": "PG-1"})
    at.jira.link("Blocks", "PG-2", "PG-1", MIA)
    at.jira.edit("PG-1", MIA, status="In Progress", summary="Find them")
    shown = await called(server, "get_issue", issue="PG-1")
    assert (shown["status"], shown["summary"]) == ("In Progress", "Find them")
    assert shown["sub_tasks"] == [
        {"key": "PG-2", "summary": "Count", "status": "To Do", "done": False, "relation": "sub-task"}
    ]
    assert shown["links"] == [
        {"key": "PG-2", "summary": "Count", "status": "To Do", "done": False, "relation": "is blocked by"}
    ]
    change = shown["last_changes"][0]
    assert (change["by"], change["field"], change["before"], change["after"]) == (
        "Mia Chen",
        "status",
        "To Do",
        "In Progress",
    )
    assert (await called(server, "get_issue", issue="PG-2"))["parent"] == "PG-1"


async def test_search_goes_page_by_page(either: JiraServer) -> None:
    for number in range(7):
        either.jira.add(f"Volume {number}")
    either.jira.add("Not this", project="OPS")
    server, cursor, pages = either.server(), "", []
    while True:
        page = await called(server, "search_issues", jql="project = PG ORDER BY created", limit=3, cursor=cursor)
        pages.append([issue["summary"] for issue in page["issues"]])
        if not (cursor := page["next_cursor"]):
            break
    assert [len(page) for page in pages] == [3, 3, 1]
    assert [summary for page in pages for summary in page] == [f"Volume {number}" for number in range(7)]


async def test_a_query_that_does_not_parse_is_told(at: JiraServer) -> None:
    at.jira.add("One")
    assert "'flavour' does not exist" in await refused(at.server(), "search_issues", jql="flavour = sweet")


async def test_an_update_changes_what_is_given(at: JiraServer) -> None:
    server = at.server()
    made = (await called(server, "create_issue", key="r-1", labels=["cost"], **ISSUE))["issue"]
    given = {"summary": "New", "labels": ["urgent"], "due_on": "2026-12-24", "description": "**Bold**"}
    after = await called(server, "update_issue", issue="PG-1", expected_updated=made["updated"], **given)
    assert (after["summary"], after["due_on"], after["description"]) == ("New", "2026-12-24", "*Bold*")
    assert after["labels"] == ["urgent", idempotency_label("r-1")]
    assert after["updated"] != made["updated"]
    assert (await called(server, "find_issue", key="r-1"))["found"]
    assert "nothing to change" in await refused(server, "update_issue", issue="PG-1", expected_updated=after["updated"])


async def test_an_update_never_overwrites_a_person(at: JiraServer) -> None:
    server, issue = at.server(), at.jira.add("Ours")
    before = issue.updated
    at.jira.edit("PG-1", MIA, summary="Mia's")
    said = await refused(server, "update_issue", issue="PG-1", expected_updated=before, summary="Ours again")
    assert "Mia Chen changed summary from 'Ours' to \"Mia's\"" in said
    assert "read the issue again" in said
    assert at.jira.issues["PG-1"].summary == "Mia's"
    at.jira.say("PG-1", MIA, "Please stop")
    updated = issue.histories[-1]["created"]
    assert "such as a comment" in await refused(
        server, "update_issue", issue="PG-1", expected_updated=updated, summary="x"
    )
    assert "is not the time" in await refused(
        server, "update_issue", issue="PG-1", expected_updated="yesterday", summary="x"
    )


async def test_an_issue_moves_as_the_workflow_allows(at: JiraServer) -> None:
    server = at.server()
    at.jira.add("One")
    ways = await called(server, "list_transitions", issue="PG-1")
    assert ways == {"status": "To Do", "transitions": [{"name": "Start", "to": "In Progress"}]}
    moved = await called(server, "transition_issue", issue="PG-1", status="in progress", key="r-1/start")
    there = await called(server, "transition_issue", issue="PG-1", status="In Progress", key="r-1/other")
    assert (moved["status"], moved["moved"], there["moved"]) == ("In Progress", True, False)
    said = await refused(server, "transition_issue", issue="PG-1", status="Nirvana", key="r-1/end")
    assert "PG-1 cannot go to Nirvana: its project has no such status; use one of: Done, In Progress" in said
    ended = await called(server, "transition_issue", issue="PG-1", status="Done", key="r-1/end")
    assert (ended["status"], ended["through"], ended["left"]) == ("Done", ["In Review", "Done"], "")


async def test_a_transition_with_a_required_field_is_taken_with_the_field(at: JiraServer) -> None:
    close = Transition("50", "Close", "In Review", "Done", ("resolution",))
    at.jira.workflow = (close, *(way for way in WORKFLOW if way.to != "Done"))
    server = at.server()
    at.jira.add("One", status="In Review")
    said = await refused(server, "transition_issue", issue="PG-1", status="Done", key="k")
    assert "does not go from In Review to Done: Jira refuses" in said
    assert "Resolution is required." in said
    assert "leads to" not in said
    moved = await called(
        server,
        "transition_issue",
        issue="PG-1",
        status="Done",
        key="k",
        fields={"Resolution": "Fixed", "priority": "Low"},
    )
    assert (moved["status"], at.jira.issues["PG-1"].more) == ("Done", {"resolution": {"name": "Fixed"}})


async def test_of_two_ways_to_a_status_the_one_that_is_taken_counts(at: JiraServer) -> None:
    close = Transition("50", "Close", "In Review", "Done", ("resolution",))
    at.jira.workflow = (close, *WORKFLOW)
    at.jira.add("One", status="In Review")
    moved = await called(at.server(), "transition_issue", issue="PG-1", status="Done", key="k")
    assert (moved["status"], moved["through"]) == ("Done", ["Done"])


@pytest.mark.parametrize(
    ("start", "ways", "wanted", "ends", "through"),
    [
        ("To Do", ["To Do>In Progress", "In Progress>To Do"], "Done", "To Do", ["In Progress", "To Do"]),
        ("Done", ["Done>To Do", "To Do>In Progress"], "In Progress", "In Progress", ["To Do", "In Progress"]),
        (
            "To Do",
            ["To Do>In Review", "In Review>To Do", "To Do>In Progress", "In Progress>Done"],
            "Done",
            "Done",
            ["In Review", "To Do", "In Progress", "Done"],
        ),
        ("In Progress", ["In Progress>Done", "Done>In Review"], "In Review", "In Review", ["Done", "In Review"]),
    ],
    ids=["no way, so it goes back", "over open", "out of a dead end", "over done where there is no other way"],
)
async def test_a_way_is_searched_step_by_step(
    at: JiraServer,
    start: str,
    ways: list[str],
    wanted: str,
    ends: str,
    through: list[str],
) -> None:
    at.jira.workflow = tuple(
        Transition(str(n), way, way.partition(">")[0], way.partition(">")[2]) for n, way in enumerate(ways, 1)
    )
    at.jira.add("One", status=start)
    moved = await called(at.server(), "transition_issue", issue="PG-1", status=wanted, key="k")
    assert (moved["status"], moved["through"]) == (ends, through)
    assert bool(moved["left"]) == (ends != wanted)


async def test_fields_of_the_create_screen_are_set_and_others_left_out(at: JiraServer) -> None:
    at.jira.required = {"customfield_10010", "priority"}
    server = at.server()
    said = await refused(server, "create_issue", key="a", **ISSUE)
    assert "is required." in said
    fields = {"Team": "FinOps", "priority": "Low", "Resolution": "Done"}
    made = await called(server, "create_issue", key="a", fields=fields, **ISSUE)
    more = at.jira.issues[made["issue"]["key"]].more
    assert more == {"customfield_10010": {"value": "FinOps"}, "priority": {"name": "Low"}}
    for ours in ("project", "Issue Type", "labels", "parent"):
        assert "has an argument of its own" in await refused(
            server, "create_issue", key="b", fields={ours: "OPS"}, **ISSUE
        )


@pytest.mark.parametrize("size", [40_000, 29_000])
async def test_a_text_that_is_too_long_for_jira_is_cut_with_a_note(at: JiraServer, size: int) -> None:
    server = at.server()
    at.jira.add("One")
    text = ("{code} [x] *y* 😀 " * 4000)[: min(size, 30_000)]
    await called(server, "add_comment", key="r-1", issue="PG-1", body=text)
    body = str(at.jira.issues["PG-1"].comments[0].body)
    assert len(body) <= 32_767
    assert "(cut; it had" in body


async def test_a_child_gets_the_projects_own_type_of_sub_tasks(at: JiraServer) -> None:
    at.jira.types = {"Task": "10001", "Unteraufgabe": SUBTASK}
    at.jira.add("One")
    made = await called(at.server(), "create_issue", key="a", **{**ISSUE, "type": "Sub-task", "parent": "PG-1"})
    assert made["issue"]["type"] == "Unteraufgabe"


async def test_what_a_person_moved_stays(at: JiraServer) -> None:
    server = at.server()
    at.jira.add("One")
    await called(server, "transition_issue", issue="PG-1", status="In Progress", key="r-1/start")
    at.jira.edit("PG-1", MIA, status="To Do")
    again = await called(server, "transition_issue", issue="PG-1", status="In Progress", key="r-1/start")
    assert (again["status"], again["moved"]) == ("To Do", False)


async def test_a_transition_that_became_illegal_meanwhile_is_told(at: JiraServer) -> None:
    at.jira.add("One")
    at.jira.faults.meanwhile("POST", "/transitions", lambda: at.jira.edit("PG-1", MIA, status="Done"))
    said = await refused(at.server(), "transition_issue", issue="PG-1", status="In Progress", key="k")
    assert "illegal workflow operation" in said
    assert at.jira.issues["PG-1"].status == "Done"


async def test_a_comment_is_written_once_for_a_key(at: JiraServer) -> None:
    server = at.server()
    at.jira.add("One")
    at.jira.say("PG-1", MIA, f"quoting {idempotency_label('r-1')}")
    assert not (await called(server, "find_comment", key="r-1", issue="PG-1"))["found"]
    first = await called(server, "add_comment", key="r-1", issue="PG-1", body="**Plan** approved")
    again = await called(at.server(), "add_comment", key="r-1", issue="PG-1", body="Other")
    assert (first["created"], again["created"]) == (True, False)
    assert again["comment"] == first["comment"]
    assert first["comment"]["body"] == "*Plan* approved"
    assert (await called(server, "find_comment", key="r-1", issue="PG-1"))["comment"] == first["comment"]
    assert len(at.jira.issues["PG-1"].comments) == 2


async def test_comments_come_page_by_page(at: JiraServer) -> None:
    server = at.server()
    at.jira.add("One")
    for number in range(5):
        at.jira.say("PG-1", MIA, f"Comment {number}")
    first = await called(server, "list_comments", issue="PG-1", limit=3)
    rest = await called(server, "list_comments", issue="PG-1", limit=3, cursor=first["next_cursor"])
    assert [comment["body"][-1] for comment in first["comments"] + rest["comments"]] == list("01234")
    assert (first["comments"][0]["by"], rest["next_cursor"]) == ("Mia Chen", "")
    assert "cursor" in await refused(server, "list_comments", issue="PG-1", cursor="x")


async def test_a_comment_behind_many_others_is_found(at: JiraServer) -> None:
    server = at.server()
    at.jira.add("One")
    await called(server, "add_comment", key="r-1", issue="PG-1", body="First")
    for number in range(230):
        at.jira.say("PG-1", MIA, f"Comment {number}")
    assert not (await called(server, "add_comment", key="r-1", issue="PG-1", body="First"))["created"]


@pytest.mark.parametrize(
    ("start", "to", "relation"),
    [("PG-1", "PG-2", "blocks"), ("PG-2", "PG-1", "is blocked by"), ("pg-1", "PG-2", "Blocks")],
)
async def test_a_link_is_made_once(at: JiraServer, start: str, to: str, relation: str) -> None:
    server = at.server()
    at.jira.add("One")
    at.jira.add("Two")
    made = [await called(server, "link_issues", start=start, to=to, type=relation) for _ in range(2)]
    assert [link["created"] for link in made] == [True, False]
    assert {link["sentence"] for link in made} == {"PG-1 blocks PG-2"}
    assert [(link.start, link.to) for link in at.jira.links] == [("PG-1", "PG-2")]
    assert "use one of: blocks" in await refused(server, "link_issues", start="PG-1", to="PG-2", type="hates")


async def test_an_exception_has_an_owner_and_an_end(at: JiraServer) -> None:
    server = at.server()
    given = {
        "project": "PG",
        "reason": "Moved *soon*",
        "owner": "Mia Chen",
        "covers": ["ebs-idle/vol-1", "ebs-idle/vol-2"],
    }
    made = [
        await called(
            server, "create_exception", key=f"x-{day}", summary=f"Until {day}", expires_on=f"2026-12-{day}", **given
        )
        for day in (24, 10, 31)
    ]
    again = await called(
        at.server(), "create_exception", key="x-10", summary="Until 10", expires_on="2026-12-10", **given
    )
    assert [entry["created"] for entry in [*made, again]] == [True, True, True, False]
    assert again["exception"] == made[1]["exception"]
    assert made[0]["exception"]["issue"]["labels"][:2] == ["phasegate-exception", "phasegate-expires-2026-12-24"]
    ended = await called(server, "list_exceptions", project="PG", expired_by="2026-12-25")
    assert [entry["expires_on"] for entry in ended["exceptions"]] == ["2026-12-10", "2026-12-24"]
    assert ended["exceptions"][0]["owner"] == "Mia Chen"
    assert ended["exceptions"][0]["covers"] == given["covers"]
    assert ended["exceptions"][0]["reason"] == "Moved *soon*"


async def test_an_exception_that_people_moved_is_seen(either: JiraServer) -> None:
    server = either.server()
    given = {"project": "PG", "reason": "r", "owner": "o", "covers": ["c"], "expires_on": "2026-12-10"}
    for number in (1, 2, 3):
        await called(server, "create_exception", key=f"x-{number}", summary=f"{number}", **given)
    either.jira.edit("PG-1", MIA, status="Done")
    either.jira.edit("PG-2", MIA, duedate="2027-03-01")
    either.jira.issues["PG-3"].properties["phasegate.exception"] = ["not", "ours"]
    first = await called(server, "list_exceptions", project="PG", limit=1)
    rest = await called(server, "list_exceptions", project="PG", limit=1, cursor=first["next_cursor"])
    assert [(entry["issue"]["key"], entry["owner"]) for entry in first["exceptions"]] == [("PG-3", "")]
    assert [entry["expires_on"] for entry in rest["exceptions"]] == ["2027-03-01"]
