"""A local Bedrock Runtime: Converse and ConverseStream as they are on the wire, with answers from a script.

with serve(BedrockService([text("Hello")])) as address:
    ChatBedrockConverse(model=SONNET, base_url=address, region_name=REGION, ...)

Programs are told by the environment: `environ(address)`.
"""

import json
import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from hashlib import sha256
from typing import Any
from uuid import uuid4

from fastapi import Request
from fastapi.responses import JSONResponse, Response

from services.bedrock_models import MODELS, PREFIXES, SONNET_4_5, Model, through_profile
from services.bedrock_rules import blocks, cache_points, may_not_cache, objection
from services.bedrock_wire import STREAM, as_events, as_json, error_frame, event_frame, usage_of
from services.model_answers import (
    Asked,
    Error,
    Reply,
    Role,
    Script,
    Turn,
    Usage,
    denied,
    formed,
    invalid,
    model_error,
    tokens,
    written,
)
from services.model_sending import JSON, ModelService, Part, Sent, halves

REGION = "us-east-1"
SONNET = through_profile(SONNET_4_5)
PROFILE = f"arn:aws:bedrock:{REGION}:123456789012:application-inference-profile/a1b2c3d4e5f6"
"""Application inference profile of SONNET_4_5."""
_CREDENTIAL = re.compile(r"AWS4-HMAC-SHA256 Credential=[^/,]+/(\d{8})/([a-z0-9-]+)/([a-z0-9]+)/aws4_request, ?(.+)")


def environ(address: str) -> dict[str, str]:
    """Variables that send a program's calls of Bedrock here."""
    return {
        "AWS_ENDPOINT_URL_BEDROCK_RUNTIME": address,
        "AWS_ENDPOINT_URL_BEDROCK": address,
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_DEFAULT_REGION": REGION,
    }


class BedrockService(ModelService):
    """Answers by a script; what was asked is in `asked`."""

    def __init__(self, script: Script = ()) -> None:
        super().__init__(script)
        self.app.add_api_route("/model/{model:path}/converse", self._converse, methods=["POST"])
        self.app.add_api_route("/model/{model:path}/converse-stream", self._stream, methods=["POST"])
        self.app.add_api_route("/model/{model:path}/count-tokens", self._count, methods=["POST"])
        self.app.add_api_route("/inference-profiles/{arn:path}", self._profile, methods=["GET"])

    def clear(self) -> None:
        """Make it as it was at first, with an empty script."""
        super().clear()
        self.region = REGION
        self.profiles = {PROFILE: SONNET_4_5.id}
        """Models of the application inference profiles by their ARN."""
        self._cached: set[str] = set()

    async def _converse(self, request: Request, model: str) -> Response:
        return await self._respond(request, model, streams=False)

    async def _stream(self, request: Request, model: str) -> Response:
        return await self._respond(request, model, streams=True)

    async def _count(self, request: Request, model: str) -> Response:
        body = json.loads(await request.body())["input"]["converse"]
        found = _signature(request.headers, self.region) or self._model(model, by_profile=False)
        if isinstance(found, Error):
            return self._refuse(found)
        return JSONResponse({"inputTokens": sum(tokens(json.dumps(block)) for _, block in blocks(body))})

    async def _profile(self, request: Request, arn: str) -> Response:
        if error := _signature(request.headers, self.region):
            return self._refuse(error)
        if arn not in self.profiles:
            return self._refuse(
                Error(code="ResourceNotFoundException", status=404, message="No such inference profile.")
            )
        models = [{"modelArn": f"arn:aws:bedrock:{self.region}::foundation-model/{self.profiles[arn]}"}]
        shown = {"inferenceProfileName": "team", "inferenceProfileArn": arn, "inferenceProfileId": arn.split("/")[-1]}
        return JSONResponse({**shown, "models": models, "status": "ACTIVE", "type": "APPLICATION"})

    async def _respond(self, request: Request, id: str, *, streams: bool) -> Response:
        begun, body = time.monotonic(), await request.body()
        found = self._check(request.headers, id, body, streams=streams)
        if isinstance(found, Error):
            return self._refuse(found)
        asked, model = found
        answer = self.next_answer(asked)
        if isinstance(answer, Error):
            return _failed(answer)
        reply = formed(answer, asked, obeys=model.obeys_choice)
        usage, call = usage_of(self._usage(reply, asked, model)), len(self.asked)
        await self.work(reply)
        latency = round((time.monotonic() - begun) * 1000)
        if streams:
            events = as_events(reply, usage, call, latency, self.size)
            return self._sent(reply, STREAM, [Part(event_frame(event), event.is_piece) for event in events])
        return self._whole(reply, usage, call, latency)

    def _whole(self, reply: Reply, usage: Mapping[str, Any], call: int, latency: int) -> Response:
        if reply.breaks and isinstance(reply.breaks.how, Error):
            return _failed(reply.breaks.how)
        try:
            content = json.dumps(as_json(reply, usage, call, latency)).encode()
        except ValueError:
            return _failed(model_error())
        return self._sent(reply, JSON, halves(content))

    def _sent(self, reply: Reply, kind: str, parts: list[Part]) -> Response:
        return Sent(reply, kind, parts, error_frame, self.left, {"x-amzn-requestid": uuid4().hex})

    def _refuse(self, error: Error) -> Response:
        self.refused.append(error.message)
        return _failed(error)

    def _check(self, headers: Mapping[str, str], id: str, raw: bytes, *, streams: bool) -> Error | tuple[Asked, Model]:
        if error := _signature(headers, self.region):
            return error
        model = self._model(id)
        if isinstance(model, Error):
            return model
        try:
            body = json.loads(raw)
        except ValueError:
            return invalid("Malformed input request, please reformat your input and try again.")
        if not isinstance(body, dict):
            return invalid("Malformed input request, please reformat your input and try again.")
        if words := objection(body, model, streams=streams, context=self.context):
            return invalid(words)
        if may_not_cache(body, model):
            return denied(
                "You invoked an unsupported model or your request did not allow prompt caching. See the documentation"
                " for more information."
            )
        return _read(body, id, headers, streams=streams), model

    def _model(self, id: str, *, by_profile: bool = True) -> Model | Error:
        base = self.profiles.get(id, id)
        prefixed = next((base.removeprefix(prefix) for prefix in PREFIXES if base.startswith(prefix)), "")
        model = MODELS.get(prefixed or base)
        if model is None:
            return invalid("The provided model identifier is invalid.")
        if by_profile and base == id and not prefixed and not model.on_demand:
            return invalid(
                f"Invocation of model ID {id} with on-demand throughput isn’t supported. Retry your request with the ID"
                " or ARN of an inference profile that contains this model."
            )
        return model

    def _usage(self, reply: Reply, asked: Asked, model: Model) -> Usage:
        """Count what the script does not say."""
        read, write, rest = self._cache(asked.body, model)
        given = reply.usage
        return replace(
            given,
            input=rest if given.input is None else given.input,
            output=tokens(written(reply)) if given.output is None else given.output,
            cache_read=read if given.cache_read is None else given.cache_read,
            cache_write=write if given.cache_write is None else given.cache_write,
        )

    def _cache(self, body: Mapping[str, Any], model: Model) -> tuple[int, int, int]:
        """Tokens read from the cache, written to it and neither, by what was before each cache point."""
        digest, count, read, last = sha256(model.id.encode()), 0, 0, 0
        for _, block in blocks(body):
            if "cachePoint" not in block:
                content = json.dumps(block)
                digest.update(content.encode())
                count += tokens(content)
            elif count >= model.least_cached:
                last, known = count, digest.hexdigest()
                read = count if known in self._cached else read
                self._cached.add(known)
        return read, last - read, count - last


def _failed(error: Error) -> Response:
    headers = {"x-amzn-errortype": f"{error.code}:http://internal.amazon.com/", "x-amzn-requestid": uuid4().hex}
    return JSONResponse({"message": error.message}, error.status, {**headers, **error.headers})


def _signature(headers: Mapping[str, str], region: str) -> Error | None:
    """Say what the signature lacks: it is there, for this region and service, over host and date."""
    given = headers.get("authorization", "")
    if given.startswith("Bearer ") and len(given) > len("Bearer "):
        return None
    if not given or "x-amz-date" not in headers:
        return Error(code="MissingAuthenticationTokenException", status=403, message="Missing Authentication Token")
    found = _CREDENTIAL.fullmatch(given)
    if not found or not re.search(r"Signature=[0-9a-f]{64}$", found[4]) or "host;" not in found[4]:
        words = "Authorization header requires 'Credential', 'SignedHeaders' and 'Signature' parameters."
        return Error(code="IncompleteSignatureException", status=403, message=words)
    if (found[2], found[3]) != (region, "bedrock") or not headers["x-amz-date"].startswith(found[1]):
        words = "Credential should be scoped to a valid region and to correct service: 'bedrock'."
        return Error(code="InvalidSignatureException", status=403, message=words)
    return None


def _read(body: Mapping[str, Any], id: str, headers: Mapping[str, str], *, streams: bool) -> Asked:
    config = body.get("toolConfig", {})
    specs = [tool["toolSpec"] for tool in config.get("tools", []) if "toolSpec" in tool]
    choice: Mapping[str, Any] = config.get("toolChoice", {})
    native = body.get("outputConfig", {}).get("textFormat", {}).get("structure", {}).get("jsonSchema", {}).get("schema")
    return Asked(
        operation="converse-stream" if streams else "converse",
        model=id,
        streams=streams,
        body=body,
        headers=dict(headers),
        system="\n".join(block["text"] for block in body.get("system", []) if "text" in block),
        turns=tuple(turn for message in body["messages"] for turn in _turns(message)),
        tools={spec["name"]: spec["inputSchema"]["json"] for spec in specs},
        choice=choice["tool"]["name"] if "tool" in choice else next(iter(choice), ""),
        schema=json.loads(native) if native else None,
        cache_points=len(cache_points(body)),
    )


def _turns(message: Mapping[str, Any]) -> Iterator[Turn]:
    role: Role = "user" if message["role"] == "user" else "assistant"
    for block in message["content"]:
        if "text" in block:
            yield Turn(role, block["text"])
        elif "toolUse" in block:
            yield Turn(role, json.dumps(block["toolUse"]))
        elif "toolResult" in block:
            yield Turn("tool", "\n".join(_result(part) for part in block["toolResult"]["content"]))


def _result(part: Mapping[str, Any]) -> str:
    return str(part["text"]) if "text" in part else json.dumps(part)
