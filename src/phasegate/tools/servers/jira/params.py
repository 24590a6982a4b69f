"""Parameters of the Jira tools."""

from typing import Annotated, Any

from pydantic import Field

IssueKey = Annotated[str, Field(description="e.g. PG-17", pattern=r"^[A-Za-z][A-Za-z0-9_]*-[0-9]+$", max_length=50)]
Project = Annotated[
    str, Field(description="a project's key, e.g. PG", pattern=r"^[A-Za-z][A-Za-z0-9_]*$", max_length=50)
]
Key = Annotated[
    str, Field(description="an idempotency key of yours, e.g. r-7f3a/plan/1/card", min_length=1, max_length=500)
]
Limit = Annotated[int, Field(description="how many at most", ge=1, le=50)]
Cursor = Annotated[str, Field(description="next_cursor of the page before; empty for the first", max_length=4000)]
Labels = Annotated[list[str], Field(description="without spaces", max_length=30)]
Line = Annotated[str, Field(min_length=1, max_length=255, pattern=r"^[^\r\n]*$")]
Markdown = Annotated[str, Field(description="Markdown; HTML and macros stay text", max_length=30_000)]
Fields = Annotated[
    dict[str, Any],
    Field(
        description="more fields by id or name, e.g. resolution: Done; one that the screen does not have is left out",
        max_length=50,
    ),
]
