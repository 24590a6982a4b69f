"""The whole grammar of `runbook.yaml`, validated as it enters."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    PrivateAttr,
    Tag,
    ValidationError,
    model_validator,
)

from phasegate.core.errors import InvalidInput
from phasegate.core.findings import Finding, Severity
from phasegate.core.plain_yaml import Place, Source, read
from phasegate.runbooks.language.cron import check_cron
from phasegate.runbooks.language.expressions import check_expression
from phasegate.runbooks.language.row_shapes import row_members
from phasegate.runbooks.runtime.hours import Window

CHECK = "runbook-language"
_NAME = r"^[A-Za-z][A-Za-z0-9_]*$"
_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_OPERATION = r"^[a-z0-9-]+\.[A-Z][A-Za-z0-9]*$"


def _expression(value: Any) -> Any:
    """Validate a JMESPath expression.

    YAML reads a bare number or boolean as such, which is a literal to JMESPath.
    """
    if not isinstance(value, str):
        raise ValueError(
            f"{value!r} is no expression; put quotes around it, and back-ticks around numbers and booleans"
        )
    check_expression(value)
    return value


def _held_by(check: Callable[[str], object]) -> AfterValidator:
    """Return a validator that leaves a text as it is, after a check that raises ValueError where it does not hold."""

    def validate(text: str) -> str:
        check(text)
        return text

    return AfterValidator(validate)


def _one_or_many(value: Any) -> Any:
    return value if isinstance(value, list) else [value]


def _none_one_or_many(value: Any) -> Any:
    return () if value is None else _one_or_many(value)


def _step(value: Any) -> Any:
    # The short form becomes the long one here, so that nothing behind the model knows two forms.
    return {"op": value} if isinstance(value, str) else value


def _kept(value: Any) -> Any:
    """`keep` as a list of keys, one key, or a map of new names to expressions over the parent."""
    if isinstance(value, str):
        return {value: value}
    return {name: name for name in value} if isinstance(value, list) else value


def _params(value: Any) -> Any:
    for text in expressions_in(value):
        check_expression(text)
    return value


class _ShortForms:
    """Short forms of a value in the JSON Schema: validators take them, and pydantic cannot tell."""

    def __init__(self, *forms: dict[str, Any], one: bool = False) -> None:
        self.forms = forms
        self.one = one
        """True if a list may be written as its only element."""

    def __get_pydantic_json_schema__(self, core: Any, handler: Any) -> dict[str, Any]:
        known: dict[str, Any] = handler(core)
        return {"anyOf": [*self.forms, *([known["items"]] if self.one else []), known]}


_TEXT: dict[str, Any] = {"type": "string"}
_NOTHING: dict[str, Any] = {"type": "null"}
Codes = Annotated[tuple[str, ...], BeforeValidator(_one_or_many), _ShortForms(one=True)]
"""Error codes, of which a single one needs no list."""
Expr = Annotated[str, BeforeValidator(_expression)]
Name = Annotated[str, Field(pattern=_NAME)]
OperationName = Annotated[str, Field(pattern=_OPERATION, description="service.Operation, such as ec2.DescribeVolumes")]
Params = Annotated[dict[str, Any], BeforeValidator(_params)]
RegionName = Annotated[
    str,
    BeforeValidator(_params),
    Field(min_length=1, description="a region, or an expression over the item that begins with ="),
]
Keep = Annotated[dict[str, Expr], BeforeValidator(_kept), _ShortForms(_TEXT, {"type": "array", "items": _TEXT})]


class _Part(BaseModel):
    # A misspelt key must be an error: let through in silence, it would leave out a guard or a filter.
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class Step(_Part):
    """An operation whose rows are read, page by page."""

    op: OperationName
    params: Params = {}
    items: Expr | None = None
    """Path to the rows of an answer, or None for the paginator's result key."""
    keep: Keep = {}
    """Keys of the parent row that go along."""
    batch: int | None = Field(default=None, ge=1, le=1000)
    """Number of parent ids in one call."""
    param: Name | None = None
    """The parameter that takes the ids."""
    ids: Expr | None = None
    """The id of a parent row; `@` is a plain row itself."""
    on_error: Codes = ()
    """Error codes that mean that the parent row is gone: it has no rows, and is counted as gone."""

    @model_validator(mode="after")
    def _whole_batch(self) -> "Step":
        if (self.batch is not None) != (self.param is not None and self.ids is not None):
            raise ValueError("a batch step has batch, param and ids, all three")
        if self.batch and self.on_error:
            raise ValueError("on_error of a batch step would drop every id of the call for one that is gone")
        return self


Chain = Annotated[
    tuple[Annotated[Step, BeforeValidator(_step), _ShortForms(_TEXT)], ...],
    BeforeValidator(_one_or_many),
    Field(min_length=1),
    _ShortForms(one=True),
]


class _With(_Part):
    as_: Name = Field(alias="as")


class Get(_With):
    """Detail from one call per item."""

    get: OperationName
    params: Params = {}
    region: RegionName | None = None
    """Where it is asked, or None for the region of the scan."""
    select: Expr | None = None
    on_error: Codes = ()
    default: Any = None


class Join(_With):
    """A second listing, found by key."""

    list_: Chain = Field(alias="list")
    by: Annotated[tuple[Expr, ...], Field(min_length=2, max_length=2)]
    many: bool = False
    size: int | None = Field(default=None, ge=1, le=1000)
    """Number of `_ids` in one call, or None for what the operation takes, up to 100."""
    select: Expr | None = None

    @model_validator(mode="after")
    def _size_has_ids(self) -> "Join":
        if self.size is not None and not self.by_ids:
            raise ValueError("size groups the ids of a call, and no parameter of the first step is =_ids")
        return self

    @property
    def by_ids(self) -> bool:
        """Return whether the first step is sent the left values of the items at hand."""
        return any(re.search(r"\b_ids\b", text) for text in expressions_in(self.list_[0].params))


class Values(_Part):
    """The values of one listing."""

    list_: Chain = Field(alias="list")
    select: Expr | None = None


class Union(_With):
    """The values of several listings: everything that is in use."""

    set_: Annotated[tuple[Values, ...], Field(alias="set", min_length=1)]


class Batch(_With):
    """Details fetched for many items a call."""

    batch: OperationName
    param: Name
    ids: Expr
    size: int = Field(default=10, ge=1, le=1000)
    rows: Expr | None = None
    by: Expr
    select: Expr | None = None
    params: Params = {}


class Measure(_Part):
    """Query of a CloudWatch metric."""

    namespace: str
    name: str
    stat: str = Field(pattern=r"^(SampleCount|Average|Sum|Minimum|Maximum|(p|tm|tc|ts|wm)\d+(\.\d+)?)$")
    days: float = Field(gt=0, le=455)
    period: int | None = Field(default=None, ge=1)
    """In seconds; one datapoint for the whole window where it is left out."""
    dims: Params
    default: float | None = None
    region: RegionName | None = None
    """Where it is asked, or None for the region of the scan."""


class Metric(_With):
    """Datapoints of a metric, as a list of values."""

    metric: Measure


class Let(_With):
    """A derived value."""

    let: Expr


FORMS = ("get", "list", "set", "batch", "metric", "let")
"""Keys of which an entry of `with` has one, and which say what it is."""


def _form(value: Any) -> str:
    given = value if isinstance(value, Mapping) else getattr(value, "__dict__", {})
    return next((form for form in FORMS if form in given or f"{form}_" in given), "")


With = Annotated[
    Annotated[Get, Tag("get")]
    | Annotated[Join, Tag("list")]
    | Annotated[Union, Tag("set")]
    | Annotated[Batch, Tag("batch")]
    | Annotated[Metric, Tag("metric")]
    | Annotated[Let, Tag("let")],
    Discriminator(
        _form,
        custom_error_type="unknown_form",
        custom_error_message="an entry of `with` has one of get, list, set, batch, metric, let",
    ),
]


class Scope(_Part):
    """Regions, accounts and parameters of a runbook."""

    regions: Literal["all", "global"] | tuple[str, ...] = "all"
    accounts: Literal["current", "organization"] | tuple[str, ...] = "current"
    params: dict[str, Any] = {}


class Cost(_Part):
    """Price times quantity."""

    unit: str
    """A key of the price table, with expressions in braces."""
    quantity: Expr = "`1`"
    per: Literal["month", "hour", "day", "year", "once"] = "month"
    region: RegionName | None = None
    """Whose price it is, or None for the region of the scan."""
    when: Expr | None = None
    """Where it is not true, the item has nothing of the unit."""


class Call(_Part):
    """A call with its parameters."""

    op: OperationName
    params: Params = {}


class Snapshot(Call):
    """Snapshot taken before anything changes."""

    wait: str | None = None
    """A waiter, such as `snapshot_completed`."""


def _waiter(value: Any) -> Any:
    return {"for": value} if isinstance(value, str) else value


class Wait(_Part):
    """Waiter that has to end well before anything goes on."""

    for_: str = Field(alias="for")
    """Name of the waiter, such as `instance_stopped`."""
    params: Params = {}
    """Parameters of the waiter; where they are left out, those of the call, or else of its answer."""


Waiter = Annotated[Wait, BeforeValidator(_waiter), _ShortForms(_TEXT)]


class Undo(Call):
    """A call that takes a change back."""

    when: Expr | None = None
    """Where it is not true of the item, the call is not recorded."""
    wait: Waiter | None = None


class Action(Call):
    """A change to each finding."""

    each: Expr | None = None
    """List that belongs to the item; the call is made for each element."""
    snapshot: Snapshot | None = None
    wait: Waiter | None = None
    undo: Annotated[tuple[Undo, ...], BeforeValidator(_none_one_or_many), _ShortForms(_NOTHING, one=True)] = ()
    verify: Literal["gone"] | Expr | None = None


class Guard(_Part):
    """Limits of a change."""

    protect_tags: tuple[str, ...] = ()
    min_age_days: float | None = Field(default=None, ge=0)
    max_changes: int | None = Field(default=None, ge=0)
    # `false` is a grammar error instead of a silent no-op, since people do try to turn approvals off.
    approve: Literal[True] = True
    """A change always needs an approval; it cannot be turned off."""
    window: Annotated[str, _held_by(Window.read)] | None = None


class Runbook(_Part):
    """A runbook.yaml."""

    title: str = ""
    kind: Literal["waste", "drift", "risk", "hygiene"] = "hygiene"
    severity: Literal["low", "medium", "high", "critical"] = "medium"
    scope: Scope = Scope()
    list_: Chain = Field(alias="list")
    id: Expr
    where: Expr | None = None
    with_: tuple[With, ...] = Field(default=(), alias="with")
    match: Expr
    warn: Expr | None = None
    skip: Expr | None = None
    evidence: tuple[Expr, ...] = ()
    cost: Annotated[tuple[Cost, ...], BeforeValidator(_none_one_or_many), _ShortForms(_NOTHING, one=True)] = ()
    """Parts of the cost, which are summed."""
    action: Annotated[tuple[Action, ...], BeforeValidator(_one_or_many), _ShortForms(one=True)] = ()
    guard: Guard = Guard()
    schedule: Annotated[str, _held_by(check_cron)] | None = None
    _source: Source = PrivateAttr(default_factory=lambda: Source(path="runbook.yaml", value={}, lines={}))

    @model_validator(mode="after")
    def _names_hold(self) -> "Runbook":
        # The second entry would win in the item, and every expression over the first would read it instead.
        names = [entry.as_ for entry in self.with_]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice:
            raise ValueError(f"two entries of `with` are named {twice!r}")
        if self.list_[0].batch:
            raise ValueError("the first step of `list` has no parent rows to batch")
        return self

    @property
    def path(self) -> str:
        """Path of the file."""
        return self._source.path

    def line(self, *place: str | int) -> int:
        """The line of a part, by keys and indices as the file has them: `line("with", 0, "select")`."""
        return self._source.line(*place)


def load(text: str, path: str) -> Runbook:
    """Read a runbook.yaml.

    Args:
        text: Its content.
        path: Its name, for findings.

    Returns:
        The runbook, which knows the line of each of its parts.

    Raises:
        InvalidInput: it is no safe YAML, or has what the language does not; `findings` name file, line and fix.
    """
    source = read(text, path, check=CHECK)
    try:
        runbook = _with_dimensions(Runbook.model_validate(source.value))
    except ValidationError as error:
        findings = [_finding(source, entry) for entry in error.errors()]
        first = findings[0]
        raise InvalidInput(f"{first.where}: {first.message}", fix=first.fix, findings=findings) from error
    runbook._source = source
    return runbook


def _with_dimensions(runbook: Runbook) -> Runbook:
    """Bare keys of the item among the dimensions of a metric stand for their values: CloudWatch has no such literal."""
    metrics = [entry for entry in runbook.with_ if isinstance(entry, Metric)]
    bare = {text for entry in metrics for text in entry.metric.dims.values() if isinstance(text, str)}
    # Looking up the row's members loads a service model, which most runbooks do not need here.
    if not any(_WORD.fullmatch(text) for text in bare):
        return runbook
    known = {*_keys_of(runbook.list_[-1]), *(entry.as_ for entry in runbook.with_), "_"}
    entries = tuple(_dimensioned(entry, known) if isinstance(entry, Metric) else entry for entry in runbook.with_)
    return runbook.model_copy(update={"with_": entries})


def _keys_of(step: Step) -> set[str]:
    try:
        return {*row_members(step.op, step.items), *step.keep}
    except InvalidInput:  # an operation that AWS does not have is for the lint and the compiler to name
        return set(step.keep)


def _dimensioned(entry: Metric, known: set[str]) -> Metric:
    dims = {name: f"={text}" if text in known else text for name, text in entry.metric.dims.items()}
    return entry.model_copy(update={"metric": entry.metric.model_copy(update={"dims": dims})})


def schema() -> dict[str, Any]:
    """The JSON Schema of a runbook.yaml, for editors."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **Runbook.model_json_schema(by_alias=True)}


def expressions_in(value: Any) -> Iterator[str]:
    """The expressions in parameters: every text that starts with `=`, without that sign."""
    if isinstance(value, str) and value.startswith("="):
        yield value[1:]
    elif isinstance(value, Mapping):
        for entry in value.values():
            yield from expressions_in(entry)
    elif isinstance(value, Sequence) and not isinstance(value, str):
        for entry in value:
            yield from expressions_in(entry)


def _finding(source: Source, error: Any) -> Finding:
    place: Place = error["loc"]
    where = ".".join(str(step) for step in _without_tag(place)) or "the file"
    message, fix = _said(error, where)
    return Finding(
        check=CHECK,
        rule=str(error["type"]).replace("_", "-"),
        severity=Severity.critical,
        path=source.path,
        line=source.line(*_without_tag(place)),
        message=message,
        fix=fix,
    )


def _without_tag(place: Place) -> Place:
    """Drop the form of a `with` entry, which pydantic puts after its index and the file does not have."""
    tagged = len(place) > 2 and place[0] == "with" and place[2] in FORMS
    return (*place[:2], *place[3:]) if tagged else place


def _said(error: Any, where: str) -> tuple[str, str]:
    kind = error["type"]
    if kind == "extra_forbidden":
        return f"{where} is not a word of the runbook language", "take it out, or look up its spelling"
    if kind == "missing":
        return f"{where} is missing", f"add {where.rsplit('.', 1)[-1]}"
    message = str(error["msg"]).removeprefix("Value error, ")
    return f"{where}: {message}", "write it as docs/runbook-language.md says"
