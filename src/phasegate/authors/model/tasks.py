"""Tasks of a build, in stages: those that touch no file of one another are worked on side by side."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from phasegate.authors.author import matches
from phasegate.spec import tasks_of

_PATH = re.compile(r"(?<![\w/.-])(?:[\w.-]+/)+[\w.-]*\w")


@dataclass(frozen=True, kw_only=True)
class BuildTask:
    """A line of tasks.md that names files of the build."""

    id: str
    """Such as `T004`."""
    text: str
    parallel: bool
    """Whether it touches no file of another open task, which `[P]` says."""
    paths: tuple[str, ...]


def build_tasks(text: str, outputs: Iterable[str]) -> list[BuildTask]:
    """Return the tasks that write files of a build.

    Args:
        text: of tasks.md, in Spec Kit's form.
        outputs: path patterns that the build's author may write.
    """
    patterns = tuple(outputs)
    found = (
        BuildTask(
            id=task.id,
            text=task.text,
            parallel=task.parallel,
            paths=tuple(dict.fromkeys(path for path in _PATH.findall(task.text) if matches(path, patterns))),
        )
        for task in tasks_of(text)
    )
    return [task for task in found if task.paths]


def stages(tasks: Sequence[BuildTask]) -> list[list[BuildTask]]:
    """Return the tasks in stages, each of tasks for one after another or of some side by side.

    A stage is worked on side by side where its first task is parallel. The word of tasks.md does not count where two
    tasks name the same file.
    """
    found: list[list[BuildTask]] = []
    for task in tasks:
        last = found[-1] if found else None
        if last and last[0].parallel == task.parallel and (not task.parallel or _apart(last, task)):
            last.append(task)
        else:
            found.append([task])
    return found


def _apart(tasks: Iterable[BuildTask], task: BuildTask) -> bool:
    return not {path for other in tasks for path in other.paths} & set(task.paths)
