"""The guides say nothing that the product does not: runbooks compile, functions yield, teams load."""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import jmespath
import pytest
import yaml

from phasegate.app import working_copy
from phasegate.authors import CHECKS
from phasegate.core import Finding, InvalidInput, plain_toml, plain_yaml
from phasegate.feedback import proposals
from phasegate.ledger.signing import bundle
from phasegate.release import wheel
from phasegate.runbooks import load
from phasegate.runbooks.compiler.codegen import compile_module
from phasegate.runbooks.language import FUNCTIONS
from phasegate.runbooks.language.lint import lint
from phasegate.runbooks.runtime import PriceTable, Scan
from phasegate.runbooks.runtime.clients import Clients
from phasegate.runbooks.runtime.errors import CallErrors
from phasegate.spec import source
from phasegate.team import Team, eject, from_workspace, load_team, read_server
from phasegate.tools.client import answer, stdio
from phasegate.web import decisions, middleware
from phasegate.workflow import EFFECTS

DOCS = Path(__file__).parents[2] / "docs"
LANGUAGE = (DOCS / "runbook-language.md").read_text(encoding="utf-8")
TEAM = (DOCS / "your-team.md").read_text(encoding="utf-8")
CONFIGURATION = (DOCS / "configuration.md").read_text(encoding="utf-8")
TOOLS = (DOCS / "tools.md").read_text(encoding="utf-8")
REQUIRED = {"list", "id", "match"}


class Row(NamedTuple):
    """A row of a table in the guide."""

    first: str
    second: str
    third: str


def fences(page: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", page, re.M | re.S)


def rows(heading: str) -> Iterator[Row]:
    """The rows of the table under a heading, without the signs that mark code."""
    section = LANGUAGE.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    for line in re.findall(r"^\| `.*$", section, re.M):
        yield Row(*(code(cell) for cell in line.strip("| ").split(" | ")))


def code(cell: str) -> str:
    """What a code span shows; a longer run of back-ticks may hold shorter ones."""
    ticks = re.match(r"`*", cell)
    assert ticks is not None
    return cell.removeprefix(ticks[0]).removesuffix(ticks[0]).strip() if ticks[0] else cell


RUNBOOKS = fences(LANGUAGE, "yaml")
BASE = yaml.safe_load(RUNBOOKS[0])
TRAPS = list(rows("Traps"))
EXAMPLES = list(rows("Functions"))


def whole(text: str) -> str:
    """A complete runbook as it stands, a fragment over the guide's first example."""
    given = yaml.safe_load(text)
    return text if given.keys() >= REQUIRED else yaml.safe_dump(BASE | given, sort_keys=False)


def over_base(text: str) -> str:
    """The first example with the line's key replaced, its words as they are written: YAML must misread them itself."""
    key = text.partition(":")[0]
    rest = {name: value for name, value in BASE.items() if name != key}
    return yaml.safe_dump(rest, sort_keys=False) + text + "\n"


def blocking(text: str) -> list[Finding]:
    return [finding for finding in lint(text, "runbook.yaml") if finding.blocking]


def test_the_first_example_is_whole() -> None:
    assert BASE.keys() >= REQUIRED


@pytest.mark.parametrize("text", RUNBOOKS, ids=[re.sub(r"\W+", "-", text[:40]) for text in RUNBOOKS])
def test_a_runbook_of_the_guide_lints_and_compiles(text: str) -> None:
    assert blocking(whole(text)) == []
    module = compile_module(load(whole(text), "runbook.yaml"), name="guide")
    compile(module, "guide.py", "exec")


@pytest.mark.parametrize("row", TRAPS, ids=[f"{number}-{row.first}" for number, row in enumerate(TRAPS)])
def test_a_trap_is_told_and_its_mend_holds(row: Row) -> None:
    assert row.first in {finding.rule for finding in blocking(over_base(row.second))}
    assert blocking(over_base(row.third)) == []
    compile_module(load(over_base(row.third), "runbook.yaml"), name="guide")


@pytest.fixture(scope="module")
def scan() -> Iterator[Scan]:
    opened = Scan(
        Clients(None, None),
        account="111122223333",
        region="eu-west-1",
        now=datetime(2026, 11, 18, tzinfo=UTC),
        params={},
        prices=PriceTable(),
        errors=CallErrors(),
    )
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def item() -> dict[str, Any]:
    return dict(json.loads(fences(LANGUAGE, "json")[0]))


@pytest.mark.parametrize("row", EXAMPLES, ids=[row.first for row in EXAMPLES])
def test_a_function_yields_what_the_guide_says(row: Row, scan: Scan, item: dict[str, Any]) -> None:
    options = jmespath.Options(custom_functions=scan.functions)
    assert jmespath.search(row.first, item, options) == json.loads(row.second)


def test_every_function_of_ours_has_an_example() -> None:
    ours = set(FUNCTIONS) - set(jmespath.functions.Functions.FUNCTION_TABLE)
    shown = {name for row in EXAMPLES for name in re.findall(r"([a-z_]+)\(", row.first)}
    assert ours <= shown


EDITS = fences(TEAM, "diff")


def edited(root: Path, difference: str) -> Team:
    """The team after the guide's edits to an ejected copy; what an edit takes out has to be there."""
    for part in difference.split("@@ ")[1:]:
        path, _, lines = part.partition("\n")
        out, put = (
            "".join(line[1:] + "\n" for line in lines.splitlines() if line.startswith(sign)) for sign in ("-", "+")
        )
        file = root / path
        before = file.read_text(encoding="utf-8") if out else ""
        assert not out or before.count(out) == 1, f"{path} does not have once: {out}"
        file.write_text(before.replace(out, put) if out else put, encoding="utf-8")
    return load_team(root, known_checks=CHECKS, known_effects=EFFECTS)


@pytest.mark.parametrize("difference", EDITS, ids=[str(number) for number, _ in enumerate(EDITS)])
def test_an_edit_of_the_team_holds(difference: str, tmp_path: Path) -> None:
    eject(tmp_path)
    assert edited(tmp_path, difference).flow() != load_team().flow()


def test_half_an_edit_does_not_hold(tmp_path: Path) -> None:
    eject(tmp_path)
    with pytest.raises(InvalidInput, match="its card does not say so"):
        edited(tmp_path, EDITS[0].split("@@ agents")[0])


def test_the_policy_of_the_guide_holds(tmp_path: Path) -> None:
    (tmp_path / "graphs" / "policies").mkdir(parents=True)
    (tmp_path / "graphs" / "policies" / "harmless.yaml").write_text(fences(TEAM, "yaml")[0], encoding="utf-8")
    assert load_team(tmp_path).policy("harmless").gates == ("plan", "tasks")


def test_the_limits_of_the_configuration_page_are_those_of_the_code() -> None:
    section = CONFIGURATION.split("\n## Limits\n")[1].split("\n\nEnvironment")[0]
    found = [
        int(number.replace(",", "")) for row in section.splitlines()[5:] for number in re.findall(r"[\d,]*\d", row)
    ]
    of_code = [
        *(working_copy.MAX_BYTES, source.MOST_TEXT, plain_yaml.MOST_BYTES, plain_toml.MOST_BYTES, middleware.MAX_BODY),
        *(decisions.MOST_COMMENTS, decisions.LONGEST, proposals.MOST, stdio.MOST_BYTES, answer.LONGEST),
        *(wheel.MAX_BYTES, bundle.LIMIT),
    ]
    assert found == of_code


def test_the_guide_names_every_check() -> None:
    section = TEAM.split("The checks that there are:")[1].split("\n## ")[0]
    assert re.findall(r"^\| `([a-z-]+)` \|", section, re.M) == list(CHECKS)


@pytest.mark.parametrize("text", fences(TOOLS, "yaml"), ids=lambda text: str(yaml.safe_load(text)["name"]))
def test_servers_of_the_guide_plug_in_as_they_stand(text: str) -> None:
    agents = [name for name, card in load_team().cards.items() if card.kind == "agent"]
    server = read_server(text, f"tools/{yaml.safe_load(text)['name']}.yaml", agents=agents)
    assert len([line for line in text.splitlines() if not line.startswith("#")]) <= 6
    assert server.roles
    assert from_workspace(server, Path(), {}).definition
