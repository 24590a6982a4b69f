"""The small real model through the real client: whatever it says, it says it in the protocol."""

from typing import Any

import openai
import pytest
from jsonschema import Draft202012Validator
from langchain_openai import ChatOpenAI
from pydantic import BaseModel, SecretStr

from real.small_model import NAME

pytestmark = pytest.mark.real


class Finding(BaseModel):
    """Something to mend."""

    title: str
    lines: list[int]


@pytest.fixture
def chat(small_model: str) -> ChatOpenAI:
    given: dict[str, Any] = {"temperature": 0, "seed": 1, "max_retries": 0, "timeout": 120}
    return ChatOpenAI(model=NAME, base_url=small_model, api_key=SecretStr("none"), max_completion_tokens=64, **given)


def test_it_answers_whole_and_in_pieces(chat: ChatOpenAI) -> None:
    whole = chat.invoke("Say hello.")
    assert whole.text
    assert whole.usage_metadata is not None
    assert 0 < whole.usage_metadata["output_tokens"] <= 64
    assert "".join(part.text for part in chat.stream("Say hello.")) == whole.text


def test_a_document_has_its_schema_and_no_sense(chat: ChatOpenAI) -> None:
    schema: dict[str, Any] = {**Finding.model_json_schema(), "additionalProperties": False}
    schema["properties"] = {
        "title": {"type": "string", "maxLength": 20},
        "lines": {"type": "array", "items": {"enum": [1, 2]}, "maxItems": 3},
    }
    found = chat.with_structured_output(schema, method="json_schema").invoke("Review this file.")
    Draft202012Validator(schema).validate(found)


def test_a_document_without_bounds_does_not_end(chat: ChatOpenAI) -> None:
    with pytest.raises(openai.LengthFinishReasonError):
        chat.with_structured_output(Finding, method="json_schema").invoke("Review this file.")


def test_it_calls_no_tool_though_it_has_to(chat: ChatOpenAI) -> None:
    answer = chat.bind_tools([Finding], tool_choice="Finding").invoke("Review this file.")
    assert answer.tool_calls == []
    assert answer.text


def test_a_prompt_beyond_its_context_is_refused(chat: ChatOpenAI) -> None:
    with pytest.raises(openai.BadRequestError, match="exceeds the available context size"):
        chat.invoke("word " * 9000)
