"""Pages of what was released, in Confluence: the decision records, the runbook page, the release notes."""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from fnmatch import fnmatchcase
from typing import Any

from phasegate.app.config import ConfluenceMirror
from phasegate.notifications.channel import Gone, Never, Telling
from phasegate.notifications.notification import SUBSCRIPTIONS
from phasegate.notifications.run_summary import Story
from phasegate.tools.texts import shown

PUBLISHED = ("docs/decisions/*-{name}.md", "docs/runbooks/{name}.md", "docs/releases/*.md")
LABEL = "phasegate"
_HEADING = re.compile(r"^#\s+(.+?)\s*#*$", re.MULTILINE)
_PROPOSED = re.compile(r"^([*_ ]*Status[*_ :]*)proposed\b[^\n]*", re.MULTILINE | re.IGNORECASE)
_TITLE = 255


class Pages:
    """Confluence."""

    name = "confluence"
    search_lag = timedelta(seconds=20)
    """Its search lags behind by some seconds."""
    subscribes_to = SUBSCRIPTIONS[name]

    def __init__(self, config: ConfluenceMirror) -> None:
        self._config = config

    async def tell(self, telling: Telling) -> Mapping[str, Any]:
        """Publish the pages, and leave one that somebody edited as it is."""
        pages, story = dict(telling.holds.get("pages", {})), telling.story
        facts = await story.app.folder.facts(story.run.id)
        for path, markdown in _documents(story, facts.paths(PUBLISHED)):
            try:
                pages[path] = await self._published(telling, path, accepted(markdown, story))
            except Never as error:
                telling.remarks.append(str(error))
        return {**telling.holds, "pages": pages}

    async def _published(self, telling: Telling, path: str, markdown: str) -> str:
        try:
            return await self._page(telling, path, markdown, self._config.parent)
        except Gone as error:
            if not self._config.parent:
                raise
            telling.remarks.append(f"not below the page {self._config.parent}, but at the top of the space: {error}")
            return await self._page(telling, path, markdown, "")

    async def _page(self, telling: Telling, path: str, markdown: str, parent: str) -> str:
        project = telling.story.app.config.project.name
        made = await telling.call(
            self.name,
            "publish_page",
            key=f"{project}/{path}",
            space=self._config.space,
            title=_title(markdown, path, project),
            markdown=_HEADING.sub("", markdown, count=1).lstrip(),
            parent=parent,
            labels=[LABEL],
        )
        return str(made["page"]["url"])


def _documents(story: Story, patterns: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Return the given documents of the tree that was approved last."""
    ends = [gate for key, gate in story.gates.items() if key.phase == story.app.flow.phase_ids[-1]]
    last = max(ends, key=lambda gate: gate.key.attempt)
    before, after = story.app.workspace.tree(story.run.base), story.app.workspace.tree(last.commit)
    for path in sorted(after):
        if before.get(path) != after[path] and any(fnmatchcase(path, pattern) for pattern in patterns):
            yield path, after[path].decode("utf-8", "replace")


def accepted(markdown: str, story: Story) -> str:
    """A decision record as it stands once its run is released: no longer proposed."""
    day, version = story.events[-1].at.date(), story.version
    return _PROPOSED.sub(rf"\g<1>accepted; released{f' as {version}' if version else ''} on {day}", markdown, count=1)


def _title(markdown: str, path: str, project: str) -> str:
    """Unique in its space: a space holds a title once."""
    heading = _HEADING.search(markdown)
    own = heading[1] if heading else path.rpartition("/")[2].removesuffix(".md")
    title = shown(" ".join(f"{project}: {own}".split()))
    return title if len(title) <= _TITLE else f"{title[: _TITLE - 1]}…"
