"""Module of one runbook, and the runtime that it stands on."""

import re
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Any

from phasegate.core.criteria import Criterion
from phasegate.runbooks.compiler.codegen import actions
from phasegate.runbooks.compiler.codegen.details import Detailer
from phasegate.runbooks.compiler.codegen.listing import Lister, noun
from phasegate.runbooks.compiler.codegen.module_source import NAME, ModuleSource, formatted, prose
from phasegate.runbooks.compiler.codegen.translate import Translator
from phasegate.runbooks.language.criterion_kind import Moment, is_of_cost, moment
from phasegate.runbooks.language.expressions import NAMES, Node, names, parse, unparse
from phasegate.runbooks.language.model import Cost, Metric, Runbook

_PLAIN = re.compile(r"[\w /:.,|@-]*")
_BRACES = re.compile(r"\{([^{}]*)\}")


def compile_module(runbook: Runbook, *, name: str, criteria: Sequence[Criterion] = ()) -> str:
    """Compile a runbook to its Python module for `<package>/runbooks/`.

    The same input gives the same text.

    Args:
        runbook: As `load` gives it.
        name: The runbook's name, such as `unattached-ebs-volumes`.
        criteria: The acceptance criteria of its spec, which the code quotes.

    Raises:
        InvalidInput: it names an operation or waiter that AWS does not have, or leaves open where rows are.
    """
    draft = ModuleSource(runbook.scope.params)
    # The item's name comes first: a function that took it would be hidden by every parameter of that name.
    item = draft.local(noun(runbook.list_[-1]))
    return _Module(runbook=runbook, name=name, criteria=criteria, draft=draft, item=item).text()


@dataclass(frozen=True, kw_only=True)
class _Module:
    runbook: Runbook
    name: str
    criteria: Sequence[Criterion]
    draft: ModuleSource
    item: str
    """The variable that holds an item."""

    def text(self) -> str:
        declared = self._declared(Lister(draft=self.draft).chain(self.runbook.list_))
        title = prose(self.runbook.title or self.name)
        docstring = (
            f'"""{title}{"" if title.endswith(".") else "."}\n\n'
            f'Compiled from the runbook.yaml of {prose(self.name)}: change that, not this file.\n"""'
        )
        return formatted(self.draft.text(docstring, end=f"RUNBOOK = Runbook({declared})"))

    def _quoted(self, function: str) -> str:
        """Comment lines with the criteria that a function of the module keeps."""
        chosen = [entry for entry in self.criteria if self._keeper(entry) == function]
        return "".join(
            f"# {line}\n" for entry in chosen for line in textwrap.wrap(f"{entry.id}: {prose(entry.text)}", width=110)
        )

    def _keeper(self, criterion: Criterion) -> str:
        if self.runbook.cost and is_of_cost(criterion):
            return "cost"
        return "remediate" if self.runbook.action and moment(criterion) is not Moment.scan else "is_match"

    def _declared(self, lister: str) -> str:
        """Add every function, and return the arguments of the declaration."""
        runbook = self.runbook
        details = [Detailer(draft=self.draft, item=self.item).write(entry) for entry in runbook.with_]
        given = {
            "name": repr(self.name),
            "title": repr(prose(runbook.title or self.name)),
            "kind": repr(runbook.kind),
            "severity": repr(runbook.severity),
            "regions": repr(runbook.scope.regions),
            "accounts": repr(runbook.scope.accounts),
            "params": repr(runbook.scope.params) if runbook.scope.params else "",
            "schedule": repr(runbook.schedule) if runbook.schedule else "",
            "list_items": lister,
            "identify": self._identify(runbook.id),
            "is_candidate": self._test("is_candidate", "Whether to look closer at the {}.", runbook.where),
            "details": f"({', '.join(details)},)" if details else "",
            "is_match": self._test("is_match", "Whether the {} is a finding.", runbook.match, quoted=True),
            "is_warning": self._test("is_warning", "Whether the {} deserves a warning.", runbook.warn),
            "skip_reason": self._skip_reason(runbook.skip),
            "evidence": self._evidence(runbook.evidence),
            "cost": self._cost(),
            **self._action(),
            "changing": _changing(runbook),
            "whole_listing": "True" if _names_items(runbook) else "",
        }
        return ", ".join(f"{name}={value}" for name, value in given.items() if value)

    @property
    def _code(self) -> Translator:
        return Translator(draft=self.draft, subject=self.item)

    @property
    def _words(self) -> str:
        return self.item.replace("_", " ")

    def _identify(self, text: str) -> str:
        return self.draft.function(
            "identify",
            f"def {NAME}(scan: Scan, {self.item}: Row) -> str:\n"
            f'    """What tells the {self._words} from all others of its account and region."""\n'
            f"    return {self._key(text)}\n",
        )

    def _key(self, text: str) -> str:
        """Return the code of the id as a text.

        Its keys must be there, since an item without its id cannot be told from others.
        """
        node = parse(text)
        if node["type"] == "field":
            return f"str({self._part(node)})"
        parts = _joined(node)
        if parts is None:
            return f"str({self._code.value(text)})"
        glue, nodes = parts
        texts = (part["value"] if part["type"] == "literal" else f"{{{self._part(part)}}}" for part in nodes)
        return f'f"{glue.join(texts)}"'

    def _part(self, node: Node) -> str:
        name = str(node["value"])
        return self._code.value(name) if name in NAMES else f"{self.item}[{name!r}]"

    def _test(self, name: str, told: str, text: str | None, *, quoted: bool = False) -> str:
        if text is None:
            return ""
        comments = self._quoted("is_match") if quoted else ""
        return self.draft.function(
            name,
            f"{comments}def {NAME}(scan: Scan, {self.item}: Row) -> bool:\n"
            f'    """{told.format(self._words)}"""\n    return {self._code.condition(text)}\n',
        )

    def _skip_reason(self, text: str | None) -> str:
        if text is None:
            return ""
        test, reason = _reason(text)
        return self.draft.function(
            "skip_reason",
            f"def {NAME}(scan: Scan, {self.item}: Row) -> str | None:\n"
            f'    """Why the {self._words} is left out; None where it is not."""\n'
            f"    return {reason!r} if {self._code.condition(test)} else None\n",
        )

    def _evidence(self, texts: Sequence[str]) -> str:
        if not texts:
            return ""
        entries = ", ".join(f"{text!r}: {self._code.value(text)}" for text in texts)
        return self.draft.function(
            "evidence",
            f"def {NAME}(scan: Scan, {self.item}: Row) -> dict[str, Any]:\n"
            f'    """What is shown with a finding."""\n    return {{{entries}}}\n',
        )

    def _cost(self) -> str:
        parts = [self._price(cost) for cost in self.runbook.cost]
        if not parts:
            return ""
        priced = parts[0] if len(parts) == 1 else f"total({', '.join(parts)})"
        return self.draft.function(
            "cost",
            f"{self._quoted('cost')}def {NAME}(scan: Scan, {self.item}: Row) -> Cost:\n"
            f'    """What the {self._words} costs."""\n'
            f"    return {priced}\n",
        )

    def _price(self, cost: Cost) -> str:
        unit, quantity = _unit(cost.unit, self._code), self._code.value(cost.quantity)
        region = f", region={self._code.literal(cost.region)}" if cost.region else ""
        when = f", when={self._code.condition(cost.when)}" if cost.when else ""
        return f"scan.price({unit}, quantity={quantity}, per={cost.per!r}{region}{when})"

    def _action(self) -> dict[str, str]:
        runbook = self.runbook
        if not runbook.action:
            return {}
        comments = self._quoted("remediate")
        actor = actions.Actor(draft=self.draft, item=self.item, comments=comments)
        verified = any(action.verify for action in runbook.action)
        return {
            "remediate": actor.remediate(runbook),
            "has_worked": actor.has_worked(runbook) if verified else "",
            "guard": actions.guard(runbook),
            # A loop calls what it calls for each element, so that one item alone does not tell which calls there are.
            "calls": repr(actions.calls(runbook)) if any(action.each for action in runbook.action) else "",
        }


def _joined(node: Node) -> tuple[str, Sequence[Node]] | None:
    """The glue and the parts of `join('/', […])`, where an f-string can say the same."""
    if node["type"] != "function_expression" or node["value"] != "join":
        return None
    glue, parts = node["children"]
    if glue["type"] != "literal" or parts["type"] != "multi_select_list":
        return None
    texts = [glue["value"], *(part["value"] for part in parts["children"] if part["type"] == "literal")]
    plain = all(part["type"] in ("literal", "field") for part in parts["children"])
    safe = all(isinstance(text, str) and _PLAIN.fullmatch(text) for text in texts)
    return (glue["value"], parts["children"]) if plain and safe else None


def _reason(text: str) -> tuple[str, str]:
    """Return the test and the reason of `test && 'reason'`, or the test as its own reason."""
    node = parse(text)
    if node["type"] == "and_expression":
        test, last = node["children"]
        if last["type"] == "literal" and isinstance(last["value"], str):
            return unparse(test), prose(last["value"])
    return text, prose(text)


def _unit(template: str, code: Translator) -> str:
    """The unit with its expressions filled in."""
    texts = _BRACES.findall(template)
    if not texts:
        return repr(template)
    values = [code.value(text) for text in texts]
    if any(letter in value for value in (template.replace("{", "").replace("}", ""), *values) for letter in '"\\{}'):
        return f"{_BRACES.sub('{}', template)!r}.format({', '.join(values)})"
    filled = iter(values)
    return 'f"' + _BRACES.sub(lambda found: "{" + next(filled) + "}", template) + '"'


_TELLS_TIME = re.compile(r"\b(?:age_days|days_until|in_days|off_now|month)\(|\b_now\b")


def _changing(runbook: Runbook) -> str:
    """The evidence that time changes by itself, as a tuple: what tells the time, or reads what does."""
    found = set[str]()
    for entry in runbook.with_:
        # By name: what reads a detail that tells the time changes with it, through any number of details.
        texts = list(_texts(entry.model_dump(exclude={"as_"})))
        if isinstance(entry, Metric) or any(_tells_time(text, found) for text in texts):
            found.add(entry.as_)
    changing = [text for text in runbook.evidence if _tells_time(text, found)] if runbook.action else []
    return f"({', '.join(map(repr, changing))},)" if changing else ""


def _tells_time(text: str, changing: set[str]) -> bool:
    return bool(_TELLS_TIME.search(text)) or any(re.search(rf"\b{re.escape(name)}\b", text) for name in changing)


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for entry in value.values():
            yield from _texts(entry)
    elif isinstance(value, list | tuple):
        for entry in value:
            yield from _texts(entry)


def _names_items(runbook: Runbook) -> bool:
    texts = [runbook.match, runbook.where, runbook.warn, runbook.skip, runbook.id, *runbook.evidence]
    texts += [getattr(entry, "let", None) for entry in runbook.with_]
    texts += [text for entry in runbook.with_ for text in (*getattr(entry, "by", ()), getattr(entry, "select", None))]
    return any("_items" in names(text) for text in texts if isinstance(text, str))


def runtime_files() -> dict[str, bytes]:
    """The files of `<package>/_runtime/`, by their path in that folder."""
    folder = resources.files("phasegate.runbooks.runtime")
    return {
        entry.name: entry.read_bytes()
        for entry in sorted(folder.iterdir(), key=lambda entry: entry.name)
        if entry.name.endswith(".py")
    }
