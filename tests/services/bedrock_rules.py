"""What Bedrock refuses: first what its service model says of a request, then what only the service knows."""

import json
import re
from collections.abc import Iterator, Mapping
from functools import cache
from itertools import pairwise
from typing import Any

from botocore.model import ListShape, Shape, StructureShape
from botocore.session import get_session
from botocore.validate import ParamValidator
from jsonschema import Draft202012Validator, SchemaError

from services.bedrock_models import Model
from services.model_answers import tokens

MOST_CACHE_POINTS = 4
ANTHROPIC = "The model returned the following errors: "
KNOWN_FIELDS = {"thinking", "anthropic_beta", "top_k", "output_config", "context_management"}
_BOUNDS = {
    "integer": ("exclusiveMaximum", "exclusiveMinimum", "maximum", "minimum", "multipleOf"),
    "number": ("exclusiveMaximum", "exclusiveMinimum", "maximum", "minimum", "multipleOf"),
    "string": ("maxLength", "minLength"),
    "array": ("maxItems", "uniqueItems"),
}


@cache
def input_shape(operation: str) -> StructureShape:
    """Shape of an operation's input, of botocore's own service model."""
    model = get_session().get_service_model("bedrock-runtime")
    shape = model.operation_model(operation).input_shape
    assert shape is not None
    return shape


def objection(body: Mapping[str, Any], model: Model, *, streams: bool, context: int | None = None) -> str:
    """Say why the service refuses the request, or nothing."""
    shape = input_shape("ConverseStream" if streams else "Converse")
    given = {"modelId": model.id, **body}
    report = ParamValidator().validate(given, shape)
    if report.has_errors():
        return f"Malformed input request: {report.generate_report()}"
    rules = (
        _values(given, shape, "#"),
        _conversation(body, model),
        _tool_results(body),
        _tools(body, model, streams=streams),
        _choice(body, model),
        _cache_points(body, model),
        _structure(body, model),
        _inference(body, model),
        _more_fields(body, model),
        _length(body, context or model.context),
    )
    return next((words for rule in rules for words in rule), "")


def may_not_cache(body: Mapping[str, Any], model: Model) -> bool:
    """Whether it has cache points though the model caches nothing."""
    return not model.caches and bool(cache_points(body))


def blocks(body: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """All blocks in the order in which a cache sees them: tools, system, messages; each with its path."""
    for at, tool in enumerate(body.get("toolConfig", {}).get("tools", [])):
        yield f"toolConfig/tools/{at}", tool
    for at, block in enumerate(body.get("system", [])):
        yield f"system/{at}", block
    for at, message in enumerate(body.get("messages", [])):
        for inner, block in enumerate(message["content"]):
            yield f"messages/{at}/content/{inner}", block


def cache_points(body: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
    """Cache points with their paths."""
    return [(path, block["cachePoint"]) for path, block in blocks(body) if "cachePoint" in block]


def _values(value: Any, shape: Shape, path: str) -> Iterator[str]:
    """What botocore leaves to the service: enumerations, patterns and greatest lengths."""
    if isinstance(shape, StructureShape) and isinstance(value, dict) and not shape.is_document_type:
        for name, inner in value.items():
            yield from _values(inner, shape.members[name], f"{path}/{name}")
    elif isinstance(shape, ListShape):
        for at, inner in enumerate(value):
            yield from _values(inner, shape.member, f"{path}/{at}")
    elif shape.type_name == "string" and shape.name != "ConversationalModelId":
        yield from _string(value, shape, path)


def _string(value: str, shape: Shape, path: str) -> Iterator[str]:
    said = f"Value '{value}' at '{path}' failed to satisfy constraint: Member must satisfy"
    if shape.metadata.get("enum") and value not in shape.metadata["enum"]:
        yield f"{said} enum value set: {shape.metadata['enum']}"
    if (pattern := shape.metadata.get("pattern")) and not re.fullmatch(pattern, value):
        yield f"{said} regular expression pattern: {pattern}"
    if len(value) > shape.metadata.get("max", len(value)):
        yield f"{said} length less than or equal to {shape.metadata['max']}"


def _conversation(body: Mapping[str, Any], model: Model) -> Iterator[str]:
    messages = body.get("messages", [])
    roles = [message["role"] for message in messages]
    if roles[:1] != ["user"]:
        yield (
            "A conversation must start with a user message. Try again with a conversation that starts with a user"
            " message."
        )
    if any(one == next_ for one, next_ in pairwise(roles)) or "system" in roles:
        yield (
            "A conversation must alternate between user and assistant roles. Make sure the conversation alternates"
            " between user and assistant roles and try again."
        )
    for at, message in enumerate(messages):
        yield from _content(message, at)
    if roles[-1:] == ["assistant"]:
        yield from _prefill(messages[-1], model)


def _content(message: Mapping[str, Any], at: int) -> Iterator[str]:
    if not message["content"]:
        yield (
            f"The content field in the Message object at messages.{at} is empty. Add a ContentBlock object to the"
            " content field and try again."
        )
    for inner, block in enumerate(message["content"]):
        if not block.get("text", "something").strip():
            yield (
                f"The text field in the ContentBlock object at messages.{at}.content.{inner} is blank. Add text to the"
                " text field, and try again."
            )


def _prefill(message: Mapping[str, Any], model: Model) -> Iterator[str]:
    if not model.prefills:
        yield (
            f"{ANTHROPIC}This model does not support assistant message prefill. The conversation must end with a user"
            " message."
        )
    last = message["content"][-1].get("text", "")
    if model.anthropic and last != last.rstrip():
        yield f"{ANTHROPIC}messages: final assistant content cannot end with trailing whitespace"


def _ids(message: Mapping[str, Any], kind: str) -> list[str]:
    return [block[kind]["toolUseId"] for block in message["content"] if kind in block]


def _tool_results(body: Mapping[str, Any]) -> Iterator[str]:
    messages = body.get("messages", [])
    used: list[str] = []
    for at, message in enumerate(messages):
        results = _ids(message, "toolResult")
        if len(results) > len(used) or set(results) - set(used):
            yield (
                f"The number of toolResult blocks at messages.{at}.content exceeds the number of toolUse blocks of"
                " previous turn."
            )
        if missing := [id for id in used if id not in results]:
            yield f"Expected toolResult blocks at messages.{at}.content for the following Ids: {', '.join(missing)}"
        used = _ids(message, "toolUse")
    speaks_of_tools = any(_ids(message, kind) for message in messages for kind in ("toolUse", "toolResult"))
    if speaks_of_tools and "toolConfig" not in body:
        yield "The toolConfig field must be defined when using toolUse and toolResult content blocks."


def _tools(body: Mapping[str, Any], model: Model, *, streams: bool) -> Iterator[str]:
    specs = [tool["toolSpec"] for tool in body.get("toolConfig", {}).get("tools", []) if "toolSpec" in tool]
    if specs and not model.choices:
        yield "This model doesn't support tool use."
    if specs and streams and not model.streams_tools:
        yield "This model doesn't support tool use in streaming mode."
    names = [spec["name"] for spec in specs]
    if len(set(names)) < len(names):
        yield f"{ANTHROPIC}tools: Tool names must be unique."
    for at, spec in enumerate(specs):
        yield from _tool_schema(spec, at, model)


def _tool_schema(spec: Mapping[str, Any], at: int, model: Model) -> Iterator[str]:
    schema = spec["inputSchema"]["json"]
    if not isinstance(schema, dict) or schema.get("type") != "object":
        yield (
            f"The value at toolConfig.tools.{at}.toolSpec.inputSchema.json.type must be one of the following: object."
        )
        return
    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError:
        yield (
            f"{ANTHROPIC}tools.{at}.custom.input_schema: JSON schema is invalid. It must match JSON Schema draft"
            " 2020-12 (https://json-schema.org/draft/2020-12)."
        )
    if "strict" in spec and not model.native:
        yield f"{ANTHROPIC}tools.{at}.custom.strict: Extra inputs are not permitted"
    elif spec.get("strict"):
        yield from (f"{ANTHROPIC}tools.{at}.custom.input_schema: {words}" for words in _beyond_grammar(schema, schema))


def _choice(body: Mapping[str, Any], model: Model) -> Iterator[str]:
    given = body.get("toolConfig", {}).get("toolChoice", {})
    (kind,) = given or ("auto",)
    if given and kind not in model.choices:
        yield (
            f"This model doesn't support the toolConfig.toolChoice.{kind} field. Remove toolConfig.toolChoice.{kind}"
            " and try again."
        )
    known = [tool["toolSpec"]["name"] for tool in body.get("toolConfig", {}).get("tools", []) if "toolSpec" in tool]
    if kind == "tool" and given["tool"]["name"] not in known:
        yield f"{ANTHROPIC}Tool '{given['tool']['name']}' not found in provided tools"
    if kind != "auto" and _thinks(body):
        yield f"{ANTHROPIC}Thinking may not be enabled when tool_choice forces tool use."


def _thinks(body: Mapping[str, Any]) -> bool:
    thinking = (body.get("additionalModelRequestFields") or {}).get("thinking")
    return isinstance(thinking, dict) and thinking.get("type") in ("enabled", "adaptive")


def _cache_points(body: Mapping[str, Any], model: Model) -> Iterator[str]:
    found = cache_points(body)
    if len(found) > MOST_CACHE_POINTS:
        yield f"{ANTHROPIC}A maximum of 4 blocks with cache_control may be provided. Found {len(found)}."
    for path, point in found:
        if path.startswith("toolConfig") and not model.caches_tools:
            yield f"Malformed input request: #/{path}: extraneous key [cachePoint] is not permitted"
        if point.get("ttl") == "1h" and not model.caches_for_an_hour:
            yield f"{ANTHROPIC}{path.replace('/', '.')}.cache_control.ttl: Extra inputs are not permitted"
    before: Mapping[str, Any] = {}
    for _, block in blocks(body):
        if "cachePoint" in block and "reasoningContent" in before:
            yield "cachePoint cannot be inserted after reasoning block."
        before = block


def _structure(body: Mapping[str, Any], model: Model) -> Iterator[str]:
    given = body.get("outputConfig", {})
    if "textFormat" not in given:
        return
    if not model.native:
        yield f"{ANTHROPIC}output_config.format: Extra inputs are not permitted"
    try:
        schema = json.loads(given["textFormat"]["structure"]["jsonSchema"]["schema"])
        Draft202012Validator.check_schema(schema)
    except (ValueError, SchemaError):
        yield f"{ANTHROPIC}output_config.format.schema: JSON schema is invalid."
        return
    yield from (f"{ANTHROPIC}output_config.format.schema: {words}" for words in _beyond_grammar(schema, schema))


def _beyond_grammar(schema: Any, top: Mapping[str, Any], above: tuple[str, ...] = ()) -> Iterator[str]:
    """What a schema says that the decoder cannot be held to."""
    if not isinstance(schema, dict):
        return
    kind = schema.get("type")
    if kind == "object" and schema.get("additionalProperties") is not False:
        yield "For 'object' type, 'additionalProperties' must be explicitly set to false"
    if kind and (bounds := [word for word in _BOUNDS.get(str(kind), ()) if word in schema]):
        yield f"For '{kind}' type, properties {', '.join(bounds)} are not supported"
    if kind == "array" and schema.get("minItems", 0) > 1:
        yield "For 'array' type, 'minItems' values other than 0 or 1 are not supported"
    name = str(schema.get("$ref", "")).removeprefix("#/$defs/")
    if name in above:
        yield f"Circular reference detected in schema definitions: {' -> '.join([*above, name])}"
    elif name:
        yield from _beyond_grammar(top.get("$defs", {}).get(name), top, (*above, name))
    for inner in _inside(schema):
        yield from _beyond_grammar(inner, top, above)


def _inside(schema: Mapping[str, Any]) -> Iterator[Any]:
    yield from schema.get("properties", {}).values()
    yield schema.get("items")
    for word in ("anyOf", "allOf", "oneOf"):
        yield from schema.get(word, [])


def _inference(body: Mapping[str, Any], model: Model) -> Iterator[str]:
    given = body.get("inferenceConfig", {})
    if given.get("maxTokens", 0) > model.output:
        yield (
            f"The maximum tokens you requested exceeds the model limit of {model.output}. Try again with a maximum"
            f" tokens value that is lower than {model.output}."
        )
    if "temperature" in given and not model.samples:
        yield f"{ANTHROPIC}`temperature` is deprecated for this model."
    if model.anthropic and {"temperature", "topP"} <= given.keys():
        yield f"{ANTHROPIC}`temperature` and `top_p` cannot both be specified for this model. Please use only one."
    if _thinks(body) and given.get("temperature", 1) != 1:
        yield f"{ANTHROPIC}`temperature` may only be set to 1 when thinking is enabled."


def _more_fields(body: Mapping[str, Any], model: Model) -> Iterator[str]:
    given = body.get("additionalModelRequestFields") or {}
    if model.anthropic:
        yield from (f"{ANTHROPIC}{name}: Extra inputs are not permitted" for name in given if name not in KNOWN_FIELDS)
    if "thinking" in given and not model.thinks:
        yield "Malformed input request: #: extraneous key [thinking] is not permitted"
    budget = (given.get("thinking") or {}).get("budget_tokens", 0)
    if budget and body.get("inferenceConfig", {}).get("maxTokens", budget + 1) <= budget:
        yield f"{ANTHROPIC}`max_tokens` must be greater than `thinking.budget_tokens`."


def _length(body: Mapping[str, Any], context: int) -> Iterator[str]:
    count = tokens(json.dumps(body.get("messages", []))) + tokens(json.dumps(body.get("system", [])))
    if count > context:
        yield f"{ANTHROPIC}prompt is too long: {count} tokens > {context} maximum"
