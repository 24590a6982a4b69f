"""Counting and listing against a real botocore and a loopback AWS: pages, bounds, cursors, regions."""

from typing import Any

import pytest
from mcp.server.fastmcp import FastMCP

from phasegate.tools.servers.aws.server import build
from phasegate.tools.servers.mcp_base import READ
from unit.tools.servers.aws.conftest import Setup
from unit.tools.servers.aws.fixtures import OWN, Between, Spoilt, connected, refusal, said


def volumes(*numbers: int, following: str = "") -> Spoilt:
    """A page of volumes as EC2 writes it; moto answers all at once."""
    items = "".join(f"<item><volumeId>vol-{number}</volumeId><size>{number}</size></item>" for number in numbers)
    token = f"<nextToken>{following}</nextToken>" if following else ""
    return Spoilt(
        body=f'<DescribeVolumesResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><requestId>r</requestId>'
        f"<volumeSet>{items}</volumeSet>{token}</DescribeVolumesResponse>".encode()
    )


async def every(server: FastMCP, **question: Any) -> list[list[dict[str, Any]]]:
    """The pages of a listing."""
    pages, cursor = [], ""
    while True:
        page = await said(server, "list_resources", **question, cursor=cursor)
        pages.append([row["values"] for row in page["rows"]])
        cursor = page["next_cursor"]
        if not cursor:
            return pages


async def test_every_tool_reads_and_says_what_it_answers(server: FastMCP) -> None:
    async with connected(server) as client:
        tools = (await client.list_tools()).tools
    assert {tool.name for tool in tools} == {
        "budgets", "caller_identity", "commitment_use", "config_query", "cost_and_usage", "cost_anomalies",
        "count_resources", "iam_role_policies", "iam_simulate", "list_accounts", "list_resources", "metric_data",
        "metric_statistics", "optimizer_recommendations", "price_names", "prices_of", "reservation_recommendations",
        "resource_search", "resource_tags", "rightsizing_recommendations", "savings_plan_recommendations",
        "trail_events",
    }  # fmt: skip
    assert all(tool.annotations == READ and tool.outputSchema and tool.description for tool in tools)
    (counting,) = (tool for tool in tools if tool.name == "count_resources")
    assert "JMESPath" in str(counting.outputSchema)


async def test_all_pages_are_counted_in_each_region(spoilable: FastMCP, between: Between) -> None:
    between.spoilt["DescribeVolumes"] = [volumes(1, 2, 3, following="a"), volumes(following="b"), volumes(4, 5)]
    counts = await said(spoilable, "count_resources", operation="ec2:DescribeVolumes", regions=["eu-west-1"])
    assert counts == {
        "operation": "ec2:DescribeVolumes",
        "rows_from": "Volumes",
        "regions": [{"region": "eu-west-1", "count": 5, "capped": False, "error": ""}],
        "complete": True,
    }
    assert [form.get("NextToken") for form in between.sent] == [None, ["a"], ["b"]]
    assert [form["MaxResults"] for form in between.sent] == [["1000"]] * 3  # without it EC2 answers all at once
    assert "phasegate" in between.agents[0]


@pytest.mark.parametrize(("most", "count", "capped"), [(2, 2, True), (3, 3, True), (4, 4, False), (5, 4, False)])
async def test_a_count_that_stops_early_says_so(
    spoilable: FastMCP, between: Between, most: int, count: int, capped: bool
) -> None:
    between.spoilt["DescribeVolumes"] = [volumes(1, 2, following="a"), volumes(3, 4)]
    counts = await said(spoilable, "count_resources", operation="ec2:DescribeVolumes", regions=["eu-west-1"], most=most)
    (region,) = counts["regions"]
    assert (region["count"], region["capped"], counts["complete"]) == (count, capped, not capped)


async def test_a_count_reads_no_endless_row_of_empty_pages(spoilable: FastMCP, between: Between) -> None:
    between.spoilt["DescribeVolumes"] = [volumes(following=f"t{number}") for number in range(502)]
    counts = await said(spoilable, "count_resources", operation="ec2:DescribeVolumes", regions=["eu-west-1"])
    assert counts["regions"] == [{"region": "eu-west-1", "count": 0, "capped": True, "error": ""}]
    assert len(between.asked) == 501


async def test_regions_are_told_apart_and_one_that_fails_is_unknown(server: FastMCP, setup: Setup) -> None:
    for size in (1, 2):
        setup("ec2").create_volume(AvailabilityZone="eu-west-1a", Size=size)
    counts = await said(
        server,
        "count_resources",
        operation="ec2.DescribeVolumes",
        regions=["eu-west-1", "us-east-1", "eu-west-1", "eu-west-11"],
    )
    assert [(region["region"], region["count"]) for region in counts["regions"]] == [
        ("eu-west-1", 2),
        ("us-east-1", 0),
        ("eu-west-11", None),
    ]
    assert counts["regions"][2]["error"].startswith("there is no AWS region 'eu-west-11'; did you mean eu-west-1")
    assert not counts["complete"]


async def test_where_no_region_can_be_counted_the_tool_fails(server: FastMCP) -> None:
    message = await refusal(server, "count_resources", operation="ec2:DescribeVolumes", regions=["mars-1", "mars-2"])
    assert message.startswith("there is no AWS region 'mars-1'")


@pytest.mark.parametrize("operation", ["iam:ListUsers", "s3:ListBuckets"])
async def test_what_has_no_region_is_counted_once(server: FastMCP, setup: Setup, operation: str) -> None:
    setup("iam").create_user(UserName="ada")
    setup("s3").create_bucket(Bucket="logs", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    counts = await said(server, "count_resources", operation=operation, regions=["eu-west-1", "us-east-1"])
    assert counts["regions"] == [{"region": "global", "count": 1, "capped": False, "error": ""}]


async def test_what_others_made_public_is_left_out_unless_asked_for(spoilable: FastMCP, between: Between) -> None:
    for operation, parameters in [
        ("ec2:DescribeSnapshots", {}),
        ("ec2:DescribeImages", {}),
        ("ec2:DescribeImages", {"Owners": ["amazon"]}),
    ]:
        between.spoilt[operation.partition(":")[2]] = [Spoilt(body=b"<Answer/>")]
        question: dict[str, Any] = {"operation": operation, "region": "eu-west-1", "parameters": parameters}
        await said(spoilable, "list_resources", **question)
    assert [form["Owner.1"] for form in between.sent] == [["self"], ["self"], ["amazon"]]


async def test_items_says_what_a_row_is(server: FastMCP, setup: Setup) -> None:
    setup("ec2").run_instances(ImageId="ami-12345678", MinCount=3, MaxCount=3)
    question = {"operation": "ec2:DescribeInstances", "regions": ["eu-west-1"]}
    reservations = await said(server, "count_resources", **question)
    instances = await said(server, "count_resources", **question, items="Reservations[].Instances[]")
    assert [counts["regions"][0]["count"] for counts in (reservations, instances)] == [1, 3]
    assert (reservations["rows_from"], instances["rows_from"]) == ("Reservations", "Reservations[].Instances[]")


async def test_pages_hold_every_row_once(spoilable: FastMCP, between: Between) -> None:
    first, second = volumes(1, 2, 3, following="a"), volumes(4, 5)
    between.spoilt["DescribeVolumes"] = [first, first, second, second]
    pages = await every(
        spoilable, operation="ec2:DescribeVolumes", region="eu-west-1", limit=2, fields=["VolumeId", "Size", "Tags[0]"]
    )
    assert [[row["VolumeId"] for row in page] for page in pages] == [["vol-1", "vol-2"], ["vol-3", "vol-4"], ["vol-5"]]
    assert pages[0][0] == {"VolumeId": "vol-1", "Size": 1, "Tags[0]": None}
    assert between.sent[0]["MaxResults"] == ["100"]


async def test_pages_of_a_service_that_pages_itself(server: FastMCP, setup: Setup) -> None:
    for number in range(60):  # fifty to a page
        setup("logs").create_log_group(logGroupName=f"/app/{number:02}")
    question: dict[str, Any] = {"operation": "logs:DescribeLogGroups", "region": "eu-west-1"}
    pages = await every(server, **question, limit=40, fields=["logGroupName"])
    assert [row["logGroupName"] for page in pages for row in page] == [f"/app/{number:02}" for number in range(60)]
    assert [len(page) for page in pages] == [40, 20]


async def test_pages_of_an_operation_that_answers_all_at_once(server: FastMCP, setup: Setup) -> None:
    for _ in range(5):
        setup("ec2").allocate_address(Domain="vpc")
    pages = await every(server, operation="ec2:DescribeAddresses", region="eu-west-1", limit=2, fields=["AllocationId"])
    assert [len(page) for page in pages] == [2, 2, 1]
    assert len({row["AllocationId"] for page in pages for row in page}) == 5


async def test_plain_rows_and_parameters(server: FastMCP, setup: Setup) -> None:
    setup("ecs").create_cluster(clusterName="web")
    page = await said(
        server, "list_resources", operation="ecs:ListServices", region="eu-west-1", parameters={"cluster": "web"}
    )
    clusters = await said(server, "list_resources", operation="ecs:ListClusters", region="eu-west-1")
    assert page["rows"] == []
    arn = f"arn:aws:ecs:eu-west-1:{OWN}:cluster/web"
    assert clusters["rows"] == [{"values": {"_": arn}, "left_out": []}]


@pytest.mark.parametrize(
    "change",
    [
        {"operation": "ec2:DescribeSnapshots"},
        {"region": "us-east-1"},
        {"account": "111122223333"},
        {"parameters": {"Filters": [{"Name": "size", "Values": ["1"]}]}},
        {"items": "Volumes[]"},
    ],
)
async def test_a_cursor_fits_no_other_question(spoilable: FastMCP, between: Between, change: dict[str, Any]) -> None:
    between.spoilt["DescribeVolumes"] = [volumes(1, 2)]
    question: dict[str, Any] = {"operation": "ec2:DescribeVolumes", "region": "eu-west-1", "limit": 1}
    cursor = (await said(spoilable, "list_resources", **question))["next_cursor"]
    message = await refusal(spoilable, "list_resources", **{**question, **change}, cursor=cursor)
    assert message.startswith("the cursor does not belong to this question; pass next_cursor with exactly")


async def test_a_cursor_of_another_hand_is_refused(spoilable: FastMCP, between: Between) -> None:
    between.spoilt["DescribeVolumes"] = [volumes(1, 2)]
    question: dict[str, Any] = {"operation": "ec2:DescribeVolumes", "region": "eu-west-1", "limit": 1}
    cursor = (await said(spoilable, "list_resources", **question))["next_cursor"]
    for bent in (f"{cursor}x", f"x{cursor}", cursor[:-8], "é", "eyJOZXh0VG9rZW4iOiBudWxsfQ=="):
        assert "does not belong" in await refusal(spoilable, "list_resources", **question, cursor=bent)
    other = build({})  # of another process
    assert "does not belong" in await refusal(other, "list_resources", **question, cursor=cursor)


async def test_a_row_too_long_for_its_page_says_what_is_left_out(spoilable: FastMCP, between: Between) -> None:
    page, name = volumes(1), "v" * 900
    assert page.body
    between.spoilt["DescribeVolumes"] = [Spoilt(body=page.body.replace(b"vol-1", name.encode()))] * 2
    question: dict[str, Any] = {"operation": "ec2:DescribeVolumes", "region": "eu-west-1"}
    small = await said(spoilable, "list_resources", **question, limit=100)
    large = await said(spoilable, "list_resources", **question, limit=10)
    assert small["rows"] == [{"values": {"Size": 1}, "left_out": ["VolumeId"]}]
    assert large["rows"] == [{"values": {"VolumeId": name, "Size": 1}, "left_out": []}]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"fields": ["Tags["]}, "'Tags[' does not work"),
        ({"items": "nothing(@)"}, "'nothing(@)' does not work"),
        ({"fields": ["a" * 501]}, "the expression has 501 characters; write at most 500"),
        ({"parameters": {"NextToken": "x"}}, "NextToken of ec2:DescribeVolumes is set by paging; use limit and cursor"),
        ({"parameters": {"MaxResults": 5}}, "MaxResults of ec2:DescribeVolumes is set by paging"),
        ({"parameters": {"Colour": "red"}}, "ec2:DescribeVolumes does not take these parameters"),
        ({"region": "eu-west-1; rm"}, "there is no AWS region 'eu-west-1; rm'; did you mean eu-west-1"),
        ({"region": ""}, "there is no AWS region ''; use a region's code"),
        ({"limit": 101}, "less than or equal to 100"),
    ],
)
async def test_a_question_that_is_off_says_how(
    spoilable: FastMCP, between: Between, change: dict[str, Any], message: str
) -> None:
    between.spoilt["DescribeVolumes"] = [volumes(1)]
    question = {"operation": "ec2:DescribeVolumes", "region": "eu-west-1", **change}
    assert message in await refusal(spoilable, "list_resources", **question)


async def test_a_resource_that_is_not_there(server: FastMCP) -> None:
    asked = {"VolumeIds": ["vol-0"]}
    shown = await refusal(
        server, "list_resources", operation="ec2:DescribeVolumes", region="eu-west-1", parameters=asked
    )
    assert "eu-west-1 of the server's own account found no such thing; AWS said InvalidVolume.NotFound" in shown
