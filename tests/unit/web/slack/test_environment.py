import pytest

from phasegate.web.slack.slack_client import Environment

ALL = {"SLACK_BOT_TOKEN": "xoxb-1", "SLACK_SIGNING_SECRET": "s3cret", "SLACK_APP_TOKEN": "xapp-1"}


def read(*names: str) -> Environment:
    return Environment.read({name: ALL[name] for name in names})


@pytest.mark.parametrize(
    ("names", "usable", "missing"),
    [
        ((), False, []),
        (("SLACK_BOT_TOKEN",), False, ["SLACK_SIGNING_SECRET or SLACK_APP_TOKEN"]),
        (("SLACK_SIGNING_SECRET",), False, ["SLACK_BOT_TOKEN"]),
        (("SLACK_APP_TOKEN",), False, ["SLACK_BOT_TOKEN"]),
        (("SLACK_BOT_TOKEN", "SLACK_SIGNING_SECRET"), True, []),
        (("SLACK_BOT_TOKEN", "SLACK_APP_TOKEN"), True, []),
        (tuple(ALL), True, []),
    ],
)
def test_what_is_missing_is_said_where_something_is_set(
    names: tuple[str, ...], usable: bool, missing: list[str]
) -> None:
    found = read(*names)
    assert (found.usable, found.missing()) == (usable, missing)


def test_socket_mode_needs_its_own_token() -> None:
    assert read().missing(socket=True) == ["SLACK_BOT_TOKEN", "SLACK_APP_TOKEN"]
    assert read("SLACK_BOT_TOKEN", "SLACK_SIGNING_SECRET").missing(socket=True) == ["SLACK_APP_TOKEN"]
    assert read("SLACK_BOT_TOKEN", "SLACK_APP_TOKEN").missing(socket=True) == []


def test_an_empty_variable_is_not_set_and_no_secret_is_shown() -> None:
    assert not Environment.read({name: "  " for name in ALL}).usable
    assert not any(secret in repr(read(*ALL)) for secret in ALL.values())
