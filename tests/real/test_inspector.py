"""The protocol's own Inspector lists and calls our servers, over stdio and over HTTP."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
import pytest

from phasegate.tools.servers import TOKEN
from real.environments import inspector, with_node
from unit.authors.sample_spec import FOLDER, RUNBOOK, SPEC, sample_repository

pytestmark = pytest.mark.real
SECRET = "a secret of this test"


def asked(*words: str, **more: Any) -> subprocess.CompletedProcess[str]:
    command = [str(inspector()), "--cli", *words]
    return subprocess.run(command, env=with_node(), capture_output=True, text=True, check=False, timeout=60, **more)


def told(*words: str, **more: Any) -> Any:
    done = asked(*words, **more)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def called(server: tuple[str, ...], tool: str, *wish: str, **more: Any) -> Any:
    """The structured answer of a tool; a list of words ends at the next option, so the arguments come first."""
    arguments = ("--tool-arg", *wish) if wish else ()
    return told(*arguments, "--method", "tools/call", "--tool-name", tool, *server, **more)["structuredContent"]


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return sample_repository(tmp_path / "target")


def served(name: str) -> tuple[str, ...]:
    return (sys.executable, "-m", "phasegate.cli", "mcp", name)


def test_phasegate_over_stdio(target: Path) -> None:
    server = served("phasegate")
    tools = told("--method", "tools/list", "--strict", *server, cwd=target)["tools"]
    assert {"submit_spec", "start_run", "list_gates"} <= {tool["name"] for tool in tools}
    assert all({"inputSchema", "outputSchema", "annotations"} <= set(tool) for tool in tools)
    made = called(server, "submit_spec", "name=free-again", f"spec={SPEC}", f"runbook={RUNBOOK}", cwd=target)
    assert (made["spec"], made["blocking"]) == ("specs/002-free-again", 0)
    assert (target / made["spec"] / "spec.md").read_text() == SPEC
    run = called(server, "start_run", f"spec={made['spec']}", cwd=target)
    assert (run["by"], run["spec"]) == ("mcp", made["spec"])
    read = told("--method", "resources/read", "--uri", f"phasegate://runs/{run['id']}", *server, cwd=target)
    assert json.loads(read["contents"][0]["text"])["spec"] == made["spec"]


def test_phasegate_over_http(target: Path) -> None:
    with listening("phasegate", target) as address:
        reach = ("--transport", "http", "--server-url", address)
        bearer = ("--header", f"Authorization: Bearer {SECRET}")
        tools = told("--method", "tools/list", *reach, *bearer)["tools"]
        assert "submit_spec" in {tool["name"] for tool in tools}
        assert [row["spec"] for row in called((*reach, *bearer), "list_specs")["specs"]] == [FOLDER]
        assert asked("--method", "tools/list", *reach).returncode != 0


def test_aws_over_stdio(moto: str, tmp_path: Path) -> None:
    ec2 = boto3.client(
        "ec2",
        endpoint_url=moto,
        region_name="eu-west-1",
        aws_access_key_id="testing",
        aws_secret_access_key="testing",
    )
    ec2.create_volume(AvailabilityZone="eu-west-1a", Size=8)
    given = {"AWS_ENDPOINT_URL": moto, "AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing"}
    environ = [word for name, value in given.items() for word in ("-e", f"{name}={value}")]
    tools = told(*environ, "--method", "tools/list", "--strict", *served("aws"))["tools"]
    assert "count_resources" in {tool["name"] for tool in tools}
    wish = ("operation=ec2:DescribeVolumes", 'regions=["eu-west-1"]')
    counted = called((*environ, *served("aws")), "count_resources", *wish)
    assert [(row["region"], row["count"]) for row in counted["regions"]] == [("eu-west-1", 1)]


@contextmanager
def listening(name: str, folder: Path) -> Iterator[str]:
    """Our server on a free port, as the command starts it."""
    command = [*served(name), "--http", "0"]
    environ = {**with_node(), TOKEN: SECRET}
    with subprocess.Popen(command, cwd=folder, env=environ, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout
            found = re.search(r"http://\S+/mcp", process.stdout.readline())
            assert found
            yield found[0]
        finally:
            process.terminate()
