"""docs/slack.md says what holds: scopes, address, variables, reasons."""

import re
from pathlib import Path

import yaml

from phasegate.app import ManagerRow
from phasegate.web.middleware import SIGNED
from phasegate.web.problems import STATUSES
from phasegate.web.slack import slack_client
from services.slack import SCOPES

PAGE = (Path(__file__).parents[4] / "docs" / "slack.md").read_text()


def test_the_manifest_asks_for_what_the_tools_need_and_leads_to_the_route() -> None:
    (manifest,) = (yaml.safe_load(text) for text in re.findall(r"```yaml\n(.*?)```", PAGE, re.S))
    assert set(manifest["oauth_config"]["scopes"]["bot"]) >= set(SCOPES.values()) - {""}
    interactivity = manifest["settings"]["interactivity"]
    assert (interactivity["is_enabled"], interactivity["request_url"].endswith(f".org{SIGNED}")) == (True, True)


def test_its_variables_and_reasons_are_those_of_the_code() -> None:
    for name in (slack_client.TOKEN, slack_client.SECRET, slack_client.APP):
        assert f"| `{name}` |" in PAGE
    rows = re.findall(r"^\| (`[a-z_]+`(?:, `[a-z_]+`)*) \| (\d{3}) \|", PAGE, re.M)
    said = {reason: int(status) for reasons, status in rows for reason in re.findall(r"`([a-z_]+)`", reasons)}
    assert len(said) >= 14
    signatures = {"signature": 401, "stale": 401}
    assert said == {reason: signatures.get(reason, STATUSES.get(reason, 422)) for reason in said}


def test_its_member_id_is_one() -> None:
    (member,) = re.findall(r'slack = "([^"]+)"', PAGE)
    assert ManagerRow(name="ada", public_key="x", slack=member).slack == member
