"""Errors of tools, with their type from the server that raises one to the client that called.

A server writes an `ErrorReport` into the `_meta` of a failed result, and a client makes the same error of it again. The
structured content would be the obvious place, but clients in TypeScript hold that against the tool's output schema even
where the result is an error, and refuse the whole answer.
"""

from collections.abc import Mapping
from typing import Any, Self

from mcp.types import CallToolResult, ContentBlock, TextContent
from pydantic import BaseModel, ConfigDict, ValidationError

from phasegate.core import (
    Exhausted,
    Finding,
    InvalidInput,
    Missing,
    PhasegateError,
    Refused,
    Unknown,
    UsageError,
)
from phasegate.tools.texts import cleaned

META = "phasegate/error"
"""The key of a report in a result's `_meta`."""
_FINDINGS = 20


class ToolFailure(PhasegateError):
    """A tool failed, and its server said so in words alone."""


class RateLimited(Exhausted):
    """A service takes no more calls for `retry_after` seconds."""

    def __init__(self, message: str, *, retry_after: float, fix: str = "") -> None:
        super().__init__(message, fix=fix)
        self.retry_after = retry_after


class Absent(Refused):
    """The thing does not exist, or the account may not see it."""

    def __init__(self, message: str, *, reason: str = "not-found", fix: str = "") -> None:
        super().__init__(message, reason=reason, fix=fix)


class Invalid(Refused):
    """The service refuses what was sent, now and later."""

    def __init__(self, message: str, *, reason: str = "invalid", fix: str = "") -> None:
        super().__init__(message, reason=reason, fix=fix)


_KINDS: Mapping[str, type[PhasegateError]] = {
    "rate-limited": RateLimited,
    "exhausted": Exhausted,
    "not-found": Absent,
    "invalid": Invalid,
    "refused": Refused,
    "invalid-input": InvalidInput,
    "usage": UsageError,
    "missing": Missing,
    "unknown": Unknown,
}
"""Names of the types that travel; a subclass stands before its base."""
_REASONS = {"unknown": "unknown", "invalid-input": "invalid"}
"""Reasons shown for errors that carry none of their own."""


class ErrorReport(BaseModel):
    """An error as it is sent."""

    model_config = ConfigDict(frozen=True)

    kind: str = "failed"
    message: str
    fix: str = ""
    reason: str = ""
    retry_after: float | None = None
    """Seconds, where a service asked to wait."""
    findings: tuple[Finding, ...] = ()

    @classmethod
    def of(cls, error: PhasegateError) -> Self:
        """Describe an error, with nothing hidden or secret in its texts."""
        kind = next((name for name, each in _KINDS.items() if isinstance(error, each)), "failed")
        found = {
            "message": str(error),
            "fix": error.fix,
            "reason": getattr(error, "reason", _REASONS.get(kind, "")),
            "retry_after": getattr(error, "retry_after", None),
            "findings": [vars(each) for each in getattr(error, "findings", ())[:_FINDINGS]],
        }
        return cls.model_validate({"kind": kind, **cleaned(found)})

    def text(self) -> str:
        """Return the report for a reader: message, fix, the first findings, and the reason."""
        lines = [f"{self.message}; {self.fix}" if self.fix else self.message]
        lines += [f"{finding.where}: {finding.message} → {finding.fix}" for finding in self.findings]
        return "\n".join(lines) + (f" (reason: {self.reason})" if self.reason else "")

    def error(self) -> PhasegateError:
        """Return the error that was described."""
        kind = _KINDS.get(self.kind, PhasegateError)
        more: dict[str, Any] = {}
        if issubclass(kind, Refused):
            more = {"reason": self.reason}
        elif issubclass(kind, InvalidInput):
            more = {"findings": self.findings}
        elif issubclass(kind, RateLimited):
            more = {"retry_after": self.retry_after or 0.0}
        return kind(self.message, fix=self.fix, **more)


def error_result(report: ErrorReport) -> CallToolResult:
    """Return the result of a tool that failed: the report for programs, its text for everybody else."""
    content: list[ContentBlock] = [TextContent(type="text", text=report.text())]
    return CallToolResult(content=content, isError=True, _meta={META: report.model_dump(exclude_defaults=True)})


def error_of(result: CallToolResult, text: str) -> PhasegateError | None:
    """Return the error that a result reports, or None.

    Args:
        result: A tool's result.
        text: The result's text, cleaned; the message where the server sent no report.
    """
    if not result.isError:
        return None
    try:
        return ErrorReport.model_validate(cleaned((result.meta or {})[META])).error()
    except (KeyError, ValidationError):  # a server of others
        return ToolFailure(text)
