"""Author whose drafts a chat model writes."""

from dataclasses import dataclass, replace

from phasegate.authors.author import Author, Brief, Draft
from phasegate.authors.model.answers import DraftAnswer
from phasegate.authors.model.conversation import Worker
from phasegate.authors.model.drafting import Drafting
from phasegate.authors.model.material import variables
from phasegate.models import Scope


@dataclass(frozen=True, kw_only=True)
class ModelAuthor:
    """Has a chat model write what a brief asks for, within the limits of the role's card."""

    worker: Worker
    compiler: Author
    """Writes what follows from a runbook: code, tests and release, and the first text of other documents."""

    async def draft(self, brief: Brief) -> Draft:
        """Return the model's draft.

        Raises:
            Parked: a limit was reached, or no answer could be used.
            InvalidInput: the brief cannot be met.
        """
        drafting = await Drafting.begin(brief, self.compiler)
        if drafting.finished:
            return drafting.finished
        scope = Scope(run=brief.facts.run, role=brief.role, key=brief.key)
        messages = self.worker.messages(brief.phase, "author", variables(brief, drafting.files))
        answer = await self.worker.answer(scope, messages, DraftAnswer, drafting.faults)
        spent = await self.worker.meter.spent_on(scope)
        return replace(drafting.written(answer), model=self.worker.model.name, spent=spent)
