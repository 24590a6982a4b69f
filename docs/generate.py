"""Writes the parts of the documentation that follow from code and data; a test holds that they are up to date.

Run it from the top of the repository: `python docs/generate.py`.
"""

import re
from pathlib import Path

from phasegate.team import load_team
from phasegate.workflow.picture import picture

DOCS = Path(__file__).parent


def generated() -> dict[Path, str]:
    """Every page with its generated parts as they must be."""
    page = DOCS / "architecture.md"
    drawn = f"```mermaid\n{picture(load_team().flow('sdlc'))}```"
    return {page: _between(page.read_text(), "picture", drawn)}


def _between(text: str, name: str, content: str) -> str:
    """The text with what stands between the marks of that name replaced."""
    marks = f"<!-- generated: {name} -->", f"<!-- end: {name} -->"
    pattern = re.compile(f"{re.escape(marks[0])}.*?{re.escape(marks[1])}", re.S)
    return pattern.sub(lambda _: f"{marks[0]}\n{content}\n{marks[1]}", text)


if __name__ == "__main__":
    for path, content in generated().items():
        path.write_text(content)
