"""Functions that look up what `with` adds to each item."""

from dataclasses import dataclass

from phasegate.core.formatting import listing
from phasegate.runbooks.compiler.codegen.listing import Lister, ids_of, noun, where_rows_are
from phasegate.runbooks.compiler.codegen.module_source import NAME, ModuleSource, plural, prose, snake
from phasegate.runbooks.compiler.codegen.translate import Translator
from phasegate.runbooks.language import aws
from phasegate.runbooks.language.expressions import names, parse, walk
from phasegate.runbooks.language.model import Batch, Get, Join, Let, Metric, Union, Values, With, expressions_in

# Within what filters of AWS take; an operation that says less wins.
_IDS_A_CALL = 100
_SCAN_NAMES = {"_account", "_region", "_now", "_params"}


@dataclass(frozen=True, kw_only=True)
class Detailer:
    """Writes the functions of `with` entries."""

    draft: ModuleSource
    item: str
    """The variable that holds an item."""

    def write(self, entry: With) -> str:
        """Add the functions of an entry, and return its line in the declaration."""
        match entry:
            case Get():
                return self._get(entry)
            case Join():
                return self._join(entry)
            case Union():
                return self._set(entry)
            case Batch():
                return self._batch(entry)
            case Metric():
                return self._metric(entry)
            case Let():
                return self._each(entry.as_, "Derived from the rest.", f"    return {self._code.value(entry.let)}\n")

    @property
    def _code(self) -> Translator:
        return Translator(draft=self.draft, subject=self.item)

    @property
    def _items(self) -> str:
        return self.draft.local(plural(self.item), "s")

    @property
    def _lister(self) -> Lister:
        return Lister(draft=self.draft)

    def _select(self, text: str | None, subject: str) -> str:
        """Return the code that selects from a value that may be missing."""
        if text is None:
            return subject
        code = Translator(draft=self.draft, subject=subject, sure=False)
        return code.value(text)

    def _each(self, name: str, told: str, body: str, *, calls: bool = False) -> str:
        function = self.draft.function(
            f"find_{snake(name)}",
            f'def {NAME}(scan: Scan, {self.item}: Row) -> Any:\n    """`{name}`: {prose(told)}"""\n{body}',
        )
        return f"Detail(name={name!r}, find={function}{', calls=True' if calls else ''})"

    def _page(self, name: str, told: str, body: str) -> str:
        function = self.draft.function(
            f"find_{snake(name)}",
            f"def {NAME}(scan: Scan, {self._items}: Sequence[Row]) -> list[Any]:\n"
            f'    """`{name}`: {prose(told)}"""\n{body}',
        )
        return f"PageDetail(name={name!r}, find={function})"

    def _loader(self, name: str, returns: str, told: str, body: str) -> str:
        return self.draft.function(name, f'def {NAME}(scan: Scan) -> {returns}:\n    """{prose(told)}"""\n{body}')

    def _get(self, entry: Get) -> str:
        about = aws.operation(entry.get)
        codes = f", {tuple(entry.on_error)!r}" if entry.on_error else ""
        told = f"the answer of {entry.get.replace('.', ':', 1)}"
        told += f"; {entry.default!r} where it says {listing(entry.on_error)}." if entry.on_error else "."
        # A call without a field of the item has one answer, and is made once instead of once an item.
        shared = _is_shared(entry)
        code = Translator(draft=self.draft, subject="{}") if shared else self._code
        asked = code.asked_in(entry.region)
        call = f"{asked}.get({about.service!r}, {about.method!r}{codes}{code.params_of(entry.params)})"
        body = self._answered(entry, call)
        if not shared:
            return self._each(entry.as_, told, body, calls=True)
        loader = self._loader(f"load_{snake(entry.as_)}", "Any", told, body)
        return self._each(entry.as_, "the same for every item, and asked once.", f"    return scan.once({loader})\n")

    def _answered(self, entry: Get, call: str) -> str:
        if entry.select is None and entry.default is None:
            return f"    return {call}\n"
        otherwise = f"    if answer is None:\n        return {entry.default!r}\n"
        is_path = entry.select is not None and parse(entry.select)["type"] in ("field", "subexpression")
        # A path from None is None, so a missing answer needs no test of its own there.
        needless = entry.default is None and is_path
        return (
            f"    answer = {call}\n{'' if needless else otherwise}    return {self._select(entry.select, 'answer')}\n"
        )

    def _join(self, entry: Join) -> str:
        row = self.draft.local(noun(entry.list_[-1]), "row")
        row = row if row != self.item else f"other_{row}"
        right = Translator(draft=self.draft, subject=row).value(entry.by[1])
        told = (
            f"{'all rows' if entry.many else 'the row'} of {entry.list_[-1].op.replace('.', ':', 1)} with the same key."
        )
        if any("_ids" in names(text) for text in expressions_in(entry.list_[0].params)):
            return self._join_of_page(entry, row, right, told)
        index = self._loader(
            f"index_{snake(entry.as_)}",
            "Index",
            f"{entry.list_[-1].op.replace('.', ':', 1)} by {entry.by[1]}.",
            f"    return Index({self._lister.chain(entry.list_)}(scan), lambda {row}: {right})\n",
        )
        return self._each(entry.as_, told, self._looked_up(entry, f"scan.once({index})"))

    def _looked_up(self, entry: Join, index: str) -> str:
        found = f"{index}.{'all' if entry.many else 'first'}({self._code.value(entry.by[0])})"
        if entry.select is None:
            return f"    return {found}\n"
        guard = "" if entry.many or not _calls(entry.select) else "    if found is None:\n        return None\n"
        return f"    found = {found}\n{guard}    return {self._select(entry.select, 'found')}\n"

    def _join_of_page(self, entry: Join, row: str, right: str, told: str) -> str:
        lister = Lister(draft=self.draft, bound={"_ids": "ids"}).chain(entry.list_)
        left = self._code.value(entry.by[0])
        # AWS limits how many values a filter takes; the same rows come back however the ids are grouped
        body = (
            f"    ids = distinct({left} for {self.item} in {self._items})\n"
            f"    rows = ({row} for some in chunks(ids, {_ids_a_call(entry)}) for {row} in {lister}(scan, some))\n"
            f"    index = Index(rows, lambda {row}: {right})\n"
        )
        found = f"index.{'all' if entry.many else 'first'}({left})"
        return self._page(entry.as_, told, body + self._all_of(entry.select, found))

    def _all_of(self, select: str | None, found: str) -> str:
        if select is None:
            return f"    return [{found} for {self.item} in {self._items}]\n"
        kept = self._select(select, "found")
        guard = f"None if found is None else {kept}" if _calls(select) else kept
        return f"    return [{guard} for found in ({found} for {self.item} in {self._items})]\n"

    def _set(self, entry: Union) -> str:
        body = "    used: list[Any] = []\n" + "".join(self._used(values) for values in entry.set_)
        told = f"Values of {listing(values.list_[-1].op.replace('.', ':', 1) for values in entry.set_)}."
        loader = self._loader(f"load_{snake(entry.as_)}", "Values", told, f"{body}    return union(used)\n")
        return self._each(entry.as_, "the same for every item, and asked once.", f"    return scan.once({loader})\n")

    def _used(self, values: Values) -> str:
        row = self.draft.local(noun(values.list_[-1]), "row")
        code = Translator(draft=self.draft, subject=row)
        lister = self._lister.chain(values.list_)
        return f"    used.extend({ids_of(values.select or '@', code)} for {row} in {lister}(scan))\n"

    def _batch(self, entry: Batch) -> str:
        about = aws.operation(entry.batch)
        shared = f", lambda {self.item}: {self._code.literal(entry.params)}" if entry.params else ""
        rows = where_rows_are(self.draft, entry.batch, entry.rows)
        key = Translator(draft=self.draft, subject="row").value(entry.by)
        more = ", **shared" if shared else ""
        body = (
            f"    groups = batches({self._items}, {entry.size}, "
            f"lambda {self.item}: {ids_of(entry.ids, self._code)}{shared})\n"
            f"    rows = (row for ids, {'shared' if shared else '_'} in groups for row in "
            f"scan.rows({about.service!r}, {about.method!r}, {rows}, {entry.param}=ids{more}))\n"
            f"    index = Index(rows, lambda row: {key})\n"
        )
        found = f"index.first({ids_of(entry.ids, self._code)})"
        told = f"from {entry.batch.replace('.', ':', 1)}, {entry.size} ids a call."
        return self._page(entry.as_, told, body + self._all_of(entry.select, found))

    def _metric(self, entry: Metric) -> str:
        asked = entry.metric
        period = f", period={asked.period}" if asked.period else ""
        default = f", default={asked.default:g}" if asked.default is not None else ""
        body = (
            f"    return {self._code.asked_in(asked.region)}.metric("
            f"namespace={asked.namespace!r}, name={asked.name!r}, stat={asked.stat!r}, "
            f"days={asked.days:g}, dimensions={self._code.literal(asked.dims)}{period}{default})\n"
        )
        told = f"{asked.stat} of {asked.name} in the last {asked.days:g} days."
        return self._each(entry.as_, told, body, calls=True)


def _ids_a_call(entry: Join) -> int:
    """Return the most ids that the parameter that takes them may hold."""
    listing = entry.list_[0]
    taking = [name for name, value in listing.params.items() if value == "=_ids"]
    limits = [aws.operation(listing.op).most_of(name) for name in taking]
    if entry.size is not None:
        return entry.size
    return min([_IDS_A_CALL, *(limit for limit in limits if limit)])


def _is_shared(entry: Get) -> bool:
    """Return whether the call is the same for every item."""
    return all(
        names(text) <= _SCAN_NAMES | entry.params.keys() and _starts_shared(text)
        for text in expressions_in([entry.params, entry.region])
    )


def _starts_shared(text: str) -> bool:
    roots = [str(node["value"]) for node in walk(parse(text)) if node["type"] == "field"]
    return bool(roots) and roots[0] in _SCAN_NAMES


def _calls(text: str) -> bool:
    return any(node["type"] == "function_expression" for node in walk(parse(text)))
