"""Arguments that several tools take."""

from typing import Annotated

from pydantic import Field

RunId = Annotated[str, Field(description="a run's id, as list_runs gives it", pattern=r"^[a-z0-9]{1,40}$")]
GateName = Annotated[
    str,
    Field(
        description="PHASE/ATTEMPT, such as plan/1; empty: the run's last",
        pattern=r"^$|^[a-z][a-z0-9_-]{0,60}/[1-9][0-9]{0,5}$",
    ),
]
SpecFolder = Annotated[str, Field(description="a spec's folder, as list_specs gives it", min_length=1, max_length=400)]
Limit = Annotated[int, Field(description="how many at most", ge=1, le=200)]
Cursor = Annotated[str, Field(description="next_cursor of the page before", max_length=400)]
