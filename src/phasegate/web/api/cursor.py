"""Paging of lists."""

from typing import Annotated

from fastapi import Query

After = Annotated[str, Query(max_length=400, description="`next` of the part before")]
Limit = Annotated[int, Query(ge=1, le=200)]
