"""A local Teams: a workflow that posts the card of a webhook request, and keeps it where a test can read it."""

import json
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response
from jsonschema import ValidationError

from services.faults import Faults
from services.shapes import Shapes

SECRET = "5f3c-s3cret-signature"
PATH = f"/workflows/77/triggers/manual/paths/invoke?api-version=1&sig={SECRET}"
MOST_BYTES = 28 * 1024


class TeamsService:
    """The workflow is at PATH of its address, and whoever knows it may post."""

    def __init__(self) -> None:
        self.faults, self.shapes = Faults(), Shapes("teams")
        self.app = FastAPI(openapi_url=None)
        self.app.add_api_route("/workflows/77/triggers/manual/paths/invoke", self._posted, methods=["POST"])
        self.app.add_api_route("/elsewhere", self._posted, methods=["POST", "GET"])
        self.clear()

    def clear(self) -> None:
        """Makes it as it was at first."""
        self.messages: list[dict[str, Any]] = []
        self.on = True
        """Whether its owner has the workflow turned on."""
        self.takes_attachments = True
        """Whether its flow posts each of `attachments`, as the template for webhook alerts does."""
        self.status = 202
        self.moved = ""
        """Where it sends those who call, by `status`."""
        self.faults.clear()
        self.faults.seen.clear()

    @property
    def card(self) -> dict[str, Any]:
        """The one card that was posted."""
        (message,) = self.messages
        content: dict[str, Any] = message["attachments"][0]["content"]
        return content

    def lines(self) -> list[str]:
        """What the one card says, line by line."""
        blocks = [inner for part in self.card["body"] for inner in part.get("items", [part])]
        return ["".join(run["text"] for run in block["inlines"]) for block in blocks]

    async def _posted(self, request: Request) -> Response:
        if request.query_params.get("sig") != SECRET:
            return _refused(401, "DirectApiAuthorizationRequired")
        if not self.on:
            return _refused(404, "WorkflowTriggerIsNotEnabled")
        if self.moved and request.url.path != "/elsewhere":
            return Response(status_code=self.status, headers={"Location": self.moved})
        body = await request.body()
        if len(body) > MOST_BYTES:
            return _refused(413, "RequestEntityTooLarge")
        if request.headers.get("content-type", "").partition(";")[0].strip() != "application/json":
            return _refused(415, "UnsupportedMediaType")
        message = json.loads(body.decode())
        if "attachments" in message and not self.takes_attachments:
            return _refused(400, "InvalidTemplate")  # a flow that posts the body itself as a card
        try:
            self.shapes.check("message", message)
        except ValidationError:
            return _refused(400, "TriggerInputSchemaMismatch")
        self.messages.append(message)
        return Response(status_code=self.status)


def _refused(status: int, code: str) -> Response:
    return JSONResponse({"error": {"code": code, "message": f"at {PATH}"}}, status)
