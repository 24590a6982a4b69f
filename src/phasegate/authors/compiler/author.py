"""Table of the functions that write the items of a workflow."""

from collections.abc import Awaitable, Callable, Mapping

from phasegate.authors.author import Brief, Draft
from phasegate.authors.compiler.build import code, docs, tests
from phasegate.authors.compiler.planning import plan, tasks, test_plan
from phasegate.authors.compiler.release import releaser
from phasegate.authors.compiler.specify import specify
from phasegate.core import InvalidInput
from phasegate.release import Builder

_Write = Callable[[Brief], Awaitable[Draft]]


class Compiler:
    """Writes what any role is asked for of a runbook spec."""

    def __init__(self, builder: Builder) -> None:
        self._items: Mapping[str, _Write] = {
            "spec": specify,
            "plan": plan,
            "test-plan": test_plan,
            "tasks": tasks,
            "code": code,
            "tests": tests,
            "docs": docs,
            "release": releaser(builder),
        }

    async def draft(self, brief: Brief) -> Draft:
        """Write the brief's item.

        Raises:
            InvalidInput: the workflow names an item that the compiler does not know, or the spec has no runbook.yaml.
        """
        if brief.item not in self._items:
            known = ", ".join(self._items)
            raise InvalidInput(f"the compiler does not make '{brief.item}'", fix=f"items that it makes: {known}")
        return await self._items[brief.item](brief)
