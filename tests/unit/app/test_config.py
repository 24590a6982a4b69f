"""What `phasegate.toml` may say, and what is said of one that does not hold."""

from pathlib import Path

import pytest

from phasegate.app import read_config
from phasegate.core import InvalidInput

GOOD = '[project]\nname = "acme-runbooks"\npackage = "acme_runbooks"\n'


def write(folder: Path, text: str) -> Path:
    (folder / "phasegate.toml").write_text(text)
    return folder


def test_defaults(tmp_path: Path) -> None:
    config = read_config(write(tmp_path, GOOD))
    assert (config.work.flow, config.work.model, config.index.path) == ("sdlc", "", "")
    assert not (config.demo)
    assert not (config.managers)
    assert not (config.loopback_endpoint)


def test_no_file_is_no_target_repository(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="not a target repository") as error:
        read_config(tmp_path)
    assert "phasegate init" in error.value.fix


@pytest.mark.parametrize(
    ("text", "word"),
    [
        pytest.param("[project", "not TOML", id="no TOML"),
        pytest.param("", "project: Field required", id="nothing"),
        pytest.param(GOOD + "[work]\nmodle = 'compiler'\n", "work.modle", id="misspelt key"),
        pytest.param(GOOD.replace("acme_runbooks", "acme-runbooks"), "project.package", id="no package name"),
        pytest.param(GOOD.replace('"acme-runbooks"', '"../x"'), "project.name", id="a path as a name"),
        pytest.param(GOOD + '[[managers]]\nname = ""\npublic_key = "x"\n', "managers.0.name", id="no name"),
        pytest.param("demo = 'perhaps'\n" + GOOD, "demo", id="no boolean"),
    ],
)
def test_what_does_not_hold_is_named(text: str, word: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput) as error:
        read_config(write(tmp_path, text))
    assert word in str(error.value)
    assert error.value.fix


@pytest.mark.parametrize(
    ("url", "loopback"),
    [
        ("http://127.0.0.1:5000", True),
        ("http://[::1]:5000", True),
        ("http://localhost:5000", True),
        ("http://127.0.0.1.example.org", False),
        ("http://localhost.example.org", False),
        ("http://127.0.0.1@example.org", False),  # a user name, not a host
        ("https://ec2.us-east-1.amazonaws.com", False),
        ("", False),
    ],
)
def test_loopback_is_this_machine_alone(url: str, loopback: bool, tmp_path: Path) -> None:
    config = read_config(write(tmp_path, f'{GOOD}[aws]\nendpoint_url = "{url}"\n'))
    assert config.loopback_endpoint is loopback


ADA = '[[managers]]\nname = "ada"\npublic_key = "x"\nslack = "U012A3CDE"\n'


def test_who_a_manager_is_in_slack(tmp_path: Path) -> None:
    other = ADA.replace("ada", "dee").replace('"x"', '"y"').replace('slack = "U012A3CDE"\n', "")
    config = read_config(write(tmp_path, GOOD + ADA + other))
    assert [row.slack for row in config.managers] == ["U012A3CDE", ""]


@pytest.mark.parametrize("member", ["u012a3cde", "@ada", "B012A3CDE", "U", "U012A3CDE\\n", "ada@example.org"])
def test_what_is_no_member_id_is_refused(tmp_path: Path, member: str) -> None:
    with pytest.raises(InvalidInput, match=r"managers\.0\.slack"):
        read_config(write(tmp_path, GOOD + ADA.replace("U012A3CDE", member)))


def test_two_managers_with_one_member_id_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="two managers have the id 'U012A3CDE' in Slack"):
        read_config(write(tmp_path, GOOD + ADA + ADA.replace("ada", "dee").replace('"x"', '"y"')))
