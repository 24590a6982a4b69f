"""The JSON Schemas in the repository are those of the models."""

from importlib.resources import files

import pytest

from phasegate.team.schemas import schemas


@pytest.mark.parametrize("path", list(schemas()))
def test_the_schema_in_the_repository_is_that_of_the_model(path: str) -> None:
    folder, name = path.split("/", 1)
    standing = files(f"phasegate.team.{folder}").joinpath(name).read_text(encoding="utf-8")
    assert standing == schemas()[path], "run: python -m phasegate.team.schemas"
