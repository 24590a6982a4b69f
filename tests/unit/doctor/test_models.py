"""What `phasegate doctor` says of chat models: package, name, price, credentials and region, and of one call."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from phasegate.app import open_app
from phasegate.doctor import State
from phasegate.reports import By, spend_of
from services import serve
from services.bedrock import SONNET, BedrockService, environ
from services.model_answers import denied, text
from unit.authors.sample_spec import sample_repository
from unit.doctor.test_doctor import told

BEDROCK = f"bedrock_converse:{SONNET}"
SECRET = "a-key-that-nobody-may-see"


def target(folder: Path, model: str, more: str = "") -> Path:
    sample_repository(folder)
    config = folder / "phasegate.toml"
    config.write_text(config.read_text() + f'\n[roles.product-owner]\nmodel = "{model}"\n{more}')
    return folder


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Iterator[BedrockService]:
    service = BedrockService()
    with serve(service) as address:
        for name, value in environ(address).items():
            monkeypatch.setenv(name, value)
        yield service


async def test_a_team_that_compiles_has_no_model_to_check(tmp_path: Path) -> None:
    sample_repository(tmp_path)
    found = (await told(tmp_path, "models"))["models"]
    assert (found.state, found.says) == (State.skipped, "the compiler works as every role")


async def test_a_model_is_named_with_roles_account_region_and_price_and_not_called(
    tmp_path: Path, service: BedrockService
) -> None:
    found = (await told(target(tmp_path, BEDROCK), BEDROCK))[BEDROCK]
    assert found.state is State.ok
    assert found.says == (
        "works as product-owner; AWS credentials by env, us-east-1; "
        "$3.30 in and $16.50 out a million tokens, by the shipped table"
    )
    assert "testing" not in found.says
    assert service.asked == []


async def test_a_model_is_called_once_on_request_and_the_call_is_counted(
    tmp_path: Path, service: BedrockService
) -> None:
    service.answers([text("OK").costing(input=30, output=2), denied()])
    found = (await told(target(tmp_path, BEDROCK), BEDROCK, call=True))[BEDROCK]
    assert found.state is State.ok
    assert "; answered in " in found.says
    assert found.says.endswith(" for $0.0001")
    async with open_app(tmp_path) as app:
        assert [(row.run, row.calls) for row in (await spend_of(app, by=(By.run,))).rows] == [("(doctor)", 1)]
    refused = (await told(tmp_path, BEDROCK, call=True))[BEDROCK]
    assert (refused.state, refused.fix) == (State.trouble, "give credentials that may call this model")
    assert len(service.asked) == 2


@pytest.mark.parametrize(
    ("model", "says", "fix"),
    [
        ("google_genai:gemini-3", "the package for 'google_genai:gemini-3' is not installed", "langchain-google-genai"),
        ("nonsense:x", "'nonsense:x' cannot be used", "PROVIDER:MODEL"),
        ("openai:gpt-5", "OPENAI_API_KEY", "set OPENAI_API_KEY"),
        ("anthropic:claude-sonnet-4-5", "ANTHROPIC_API_KEY is not set", "set ANTHROPIC_API_KEY"),
        ("ollama:qwen2.5", "no price of 'ollama:qwen2.5' is known", '[models.prices."ollama:qwen2.5"]'),
        (BEDROCK, "redential", "AWS_PROFILE"),
    ],
)
async def test_what_is_missing_is_told_with_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, model: str, says: str, fix: str
) -> None:
    for name in ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    found = (await told(target(tmp_path, model), model))[model]
    assert found.state is State.trouble
    assert says in found.says
    assert fix in found.fix


async def test_a_key_is_found_and_not_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", SECRET)
    name = "anthropic:claude-sonnet-4-5"
    price = f'\n[models.prices."{name}"]\ninput = 3\noutput = 15\nas_of = 2026-11-30\n'
    found = (await told(target(tmp_path, name, price), name))[name]
    assert found.state is State.ok
    assert (
        "key of ANTHROPIC_API_KEY; $3.00 in and $15.00 out a million tokens, your own price of 2026-11-30" in found.says
    )
    assert SECRET not in str(found)


async def test_an_assistant_needs_no_provider(tmp_path: Path) -> None:
    found = (await told(target(tmp_path, "assistant"), "assistant"))["assistant"]
    assert (found.state, found.says.startswith("works as product-owner; it takes orders")) == (State.ok, True)
