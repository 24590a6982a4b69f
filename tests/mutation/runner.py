"""Run the tests that guard some modules against every mutant of them, as a program of its own.

The tests are collected once, with everything loaded. Each mutant then takes a fork, in which the functions that exist
get the mutated code, and the tests that run the edited statement are called, the quickest first, until one fails.
"""

import ast
import contextlib
import gc
import importlib
import json
import os
import select
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any

import pytest

from mutation.areas import AREAS, Area
from mutation.operators import Mutant, mutants, reasons
from mutation.rules import RULES

HIT = "__mutation_hit__"
BROKEN = frozenset(f"{module}.{mutant}" for module, rules in RULES.items() for mutant in rules.values())
FIRST_S, FACTOR = 60.0, 20.0
"""A mutant may take so long, and so many times what its tests take without it."""
_KILLED, _SURVIVED, _BROKEN = 41, 42, 43
KILLERS = Path(__file__).with_name("killers")
"""A file for each area: which test killed which mutant. What is not true any more costs time and nothing else."""


@dataclass
class Target:
    """A module whose functions get other code."""

    module: ModuleType
    functions: Sequence[str]
    thorough: Sequence[str]
    source: str
    says: Collection[str]
    """Names of functions that give a reason, or an empty text."""
    live: list[FunctionType]

    @property
    def file(self) -> str:
        """Path of the source."""
        return str(self.module.__file__)

    def tree(self) -> ast.Module:
        """Return the syntax tree, parsed anew."""
        return ast.parse(self.source, self.file)

    def mutants(self, tree: ast.Module) -> Iterator[Mutant]:
        """Yield mutants of the functions that are listed."""
        wanted = self.functions
        found = mutants(tree, self.says, self.thorough)
        return (one for one in found if not wanted or (one.function or one.name) in wanted)

    def install(self, tree: ast.Module) -> int:
        """Give the functions that exist the code of another tree, and return how many got other code."""
        code = compile(ast.fix_missing_locations(tree), self.file, "exec", dont_inherit=True)
        found = {(one.co_qualname, one.co_firstlineno): one for one in _codes(code)}
        changed = 0
        for function in self.live:
            other = found.get((function.__code__.co_qualname, function.__code__.co_firstlineno))
            if other is not None and other != function.__code__:
                function.__code__ = other
                changed += 1
        return changed

    def rebind(self, tree: ast.Module, mutant: Mutant) -> int:
        """Execute one assignment of the module anew, and bind its name wherever the old object was imported."""
        (statement,) = [node for node in tree.body if node.lineno == mutant.statement]
        old = vars(self.module)[mutant.name]
        only = ast.fix_missing_locations(ast.Module(body=[statement], type_ignores=[]))
        exec(compile(only, self.file, "exec"), vars(self.module))
        new = vars(self.module)[mutant.name]
        for module in list(sys.modules.values()):
            if module is not self.module and vars(module).get(mutant.name) is old:
                setattr(module, mutant.name, new)
        return 1


def _codes(code: CodeType) -> Iterator[CodeType]:
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield constant
            yield from _codes(constant)


@dataclass(eq=False)
class Guards:
    """Pytest plugin: the tests that run in place of a session's ordinary run."""

    area: Area
    only: Sequence[str] = ()
    """Addresses to try; none: all but the equivalent ones."""
    killers: Mapping[str, str] = field(default_factory=dict)
    """By address: the test that killed the mutant last time, which is tried first and alone."""
    kills: Counter[str] = field(default_factory=Counter)
    """By test: how many mutants it killed; those that kill are called first."""
    answers: dict[str, str] = field(default_factory=dict)
    """By address of a mutant: killed by which test, or why it was not."""
    problem: str = ""
    failed: str = ""
    """First test that failed, in the process that runs it."""
    spent: dict[str, float] = field(default_factory=dict)
    seconds: float = 0.0

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Try every mutant; the tests themselves run in forks alone."""
        session.config.pluginmanager.unregister(name="terminalreporter")
        targets = [find_target(name, each, self.area.thorough) for name, each in self.area.modules.items()]
        items = {item.nodeid: item for item in session.items}
        if not items:
            self.problem = "no test was collected"
            return True
        left = self._by_known_killers(targets, items)
        if left and not self.problem:
            self._by_all(targets, items, left)
        return True

    def _by_known_killers(self, targets: Sequence[Target], items: Mapping[str, pytest.Item]) -> list["Attempt"]:
        """Try each mutant with the test alone that killed it last time, and return the others."""
        attempts = [one for one in self._attempts(targets) if self._is_wanted(one.address)]
        known = {one.address: self.killers.get(one.address, "") for one in attempts}
        names = [name for name in items if name in known.values()]
        base = self._baseline(targets, [items[name] for name in names]) if names else None
        if base is None:
            return attempts
        left: list[Attempt] = []
        for one in attempts:
            name = known[one.address]
            answer = self._try(one.edit, [name], base, items, one.mutant) if name in items else ""
            if answer.startswith("killed by "):
                self._note(one.address, answer)
            else:
                left.append(one)
        return left

    def _by_all(
        self, targets: Sequence[Target], items: Mapping[str, pytest.Item], attempts: Sequence["Attempt"]
    ) -> None:
        """Try mutants with every test that runs the edited statement, until one fails."""
        began = time.perf_counter()
        base = self._baseline(targets, list(items.values()))
        self.seconds = time.perf_counter() - began
        print(f"baseline: {len(items)} tests, {self.seconds:.0f} s", file=sys.stderr, flush=True)
        if base is not None:
            for one in attempts:
                self._note(one.address, self._try(one.edit, one.guarding(base), base, items, one.mutant))

    def _attempts(self, targets: Sequence[Target]) -> Iterator["Attempt"]:
        for target in targets:
            for number, mutant in enumerate(target.mutants(target.tree())):
                yield Attempt(
                    address=f"{target.module.__name__}.{mutant.address}",
                    edit=partial(self._edit, target, number),
                    guarding=partial(_tests_of, target=target, mutant=mutant),
                    mutant=mutant,
                )
        for name, (old, new) in self.area.substitutes.items():
            yield Attempt(
                address=name,
                edit=partial(_substitute, old, new),
                guarding=partial(_users_of, function=old),
                mutant=None,
            )

    def _is_wanted(self, address: str) -> bool:
        if self.only:
            return address in self.only
        wanted = self.area.every or address in self.area.substitutes or address in BROKEN
        return wanted and address not in self.area.equivalent

    def _note(self, address: str, answer: str) -> None:
        self.answers[address] = answer
        print(f"{address}: {answer}", file=sys.stderr, flush=True)

    @staticmethod
    def _edit(target: Target, number: int) -> int:
        tree = target.tree()
        chosen = next(one for index, one in enumerate(target.mutants(tree)) if index == number)
        chosen.apply()
        return target.rebind(tree, chosen) if chosen.name else target.install(tree)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note the first failure, and what each test takes."""
        self.spent[report.nodeid] = self.spent.get(report.nodeid, 0) + report.duration
        if report.failed and not self.failed:
            self.failed = report.nodeid

    def _baseline(self, targets: Sequence[Target], items: Sequence[pytest.Item]) -> "Baseline | None":
        """Run all tests once, on what is there: which statements does each of them run?"""

        def run() -> tuple[int, Any]:
            hits: dict[str, list[tuple[int, int]]] = {}
            now: set[tuple[int, int]] = set()
            for number, target in enumerate(targets):
                vars(target.module)[HIT] = lambda line, number=number: now.add((number, line))
                target.install(_Probe().visit(target.tree()))
            for item, following in _pairs(items):
                now.clear()
                item.ihook.pytest_runtest_protocol(item=item, nextitem=following)
                hits[item.nodeid] = sorted(now)
                if self.failed:
                    return _KILLED, self.failed
            return _SURVIVED, (hits, self.spent)

        code, found = _forked(run, None)
        if code != _SURVIVED:
            self.problem = f"without any mutant, {found or 'the process of the tests'} fails"
            return None
        hits, spent = found
        return Baseline({key: {(a, b) for a, b in value} for key, value in hits.items()}, spent, list(targets))

    def _try(
        self,
        edit: Callable[[], int],
        guarding: Sequence[str],
        base: "Baseline",
        items: Mapping[str, pytest.Item],
        mutant: Mutant | None,
    ) -> str:
        text = mutant.text if mutant else "a substitute"
        if not guarding:
            return f"survived: no test runs it: {text}"

        def run() -> tuple[int, Any]:
            try:
                changed = edit()
            except Exception as error:  # the module itself refuses the mutant
                return _KILLED, f"{type(error).__name__}: {error}"
            if not changed:
                return _BROKEN, "nothing that exists has this code"
            for item, following in _pairs([items[name] for name in sorted(guarding, key=lambda n: -self.kills[n])]):
                item.ihook.pytest_runtest_protocol(item=item, nextitem=following)
                if self.failed:
                    return _KILLED, self.failed
            return _SURVIVED, None

        code, found = _forked(run, FIRST_S + FACTOR * sum(base.spent[name] for name in guarding))
        if code == _KILLED:
            self.kills[found] += 1
        if code == _KILLED or (code is None and mutant and mutant.looped):
            return f"killed by {found or 'the clock'}"
        if code == _SURVIVED:
            return f"survived {len(guarding)} tests: {text}"
        return f"ended with {code}: {found or text}"


def _substitute(old: Callable[..., Any], new: Callable[..., Any]) -> int:
    """Put a function in another's place wherever it is bound, and return in how many places that was."""
    owner = sys.modules[old.__module__]
    for step in old.__qualname__.split(".")[:-1]:
        owner = getattr(owner, step)
    holders = [owner, *(each for name, each in sys.modules.items() if not name.startswith("mutation"))]
    found = [each for each in holders if vars(each).get(old.__name__) is old]
    for each in found:
        setattr(each, old.__name__, new)
    return len(found)


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """A mutant, or a function in another's place, with the tests that may notice it."""

    address: str
    edit: Callable[[], int]
    guarding: Callable[["Baseline"], list[str]]
    mutant: Mutant | None
    """None: it is a function in another's place."""


def _tests_of(base: "Baseline", target: Target, mutant: Mutant) -> list[str]:
    return base.tests(target, mutant)


def _users_of(base: "Baseline", function: Callable[..., Any]) -> list[str]:
    return base.users(function)


@dataclass
class Baseline:
    """What each test runs, and how long it takes."""

    hits: Mapping[str, set[tuple[int, int]]]
    spent: Mapping[str, float]
    targets: list[Target]

    def users(self, function: Callable[..., Any]) -> list[str]:
        """Names of the tests that call a function, the quickest first."""
        target = next(each for each in self.targets if each.module.__name__ == function.__module__)
        return self._that_run(target, {function.__code__.co_firstlineno})

    def tests(self, target: Target, mutant: Mutant) -> list[str]:
        """Names of the tests that run the edited statement, the quickest first."""
        return self._that_run(target, _users(target.tree(), mutant.name) if mutant.name else {mutant.statement})

    def _that_run(self, target: Target, lines: set[int]) -> list[str]:
        wanted = {(self.targets.index(target), line) for line in lines}
        found = [name for name, hit in self.hits.items() if hit & wanted]
        return sorted(found, key=lambda name: self.spent[name])


def _users(tree: ast.Module, name: str) -> set[int]:
    """First lines of functions that read a name of the module, directly or by other names of it."""
    names, lines = {name}, set[int]()
    for node in tree.body:  # in order: a name is bound before it is used
        used = {each.id for each in ast.walk(node) if isinstance(each, ast.Name)}
        if isinstance(node, ast.Assign | ast.AnnAssign) and used & names:
            target: ast.expr = node.targets[0] if isinstance(node, ast.Assign) else node.target
            names |= {target.id} if isinstance(target, ast.Name) else set()
    for inner in ast.walk(tree):
        if isinstance(inner, ast.FunctionDef | ast.AsyncFunctionDef):
            used = {each.id for each in ast.walk(inner) if isinstance(each, ast.Name)}
            lines |= {inner.lineno} if used & names else set()
    return lines


class _Probe(ast.NodeTransformer):
    """Puts a call before each statement of a function that says that the statement is run."""

    def __init__(self) -> None:
        self._depth = 0

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        return self._function(node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> ast.AST:
        return self._function(node)

    def _function(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> ast.AST:
        self._depth += 1
        self.generic_visit(node)
        self._depth -= 1
        node.body.insert(0, _call(node.lineno, node.body[0]))
        return node

    def generic_visit(self, node: ast.AST) -> ast.AST:
        super().generic_visit(node)
        if self._depth:
            for name in ("body", "orelse", "finalbody"):
                held = getattr(node, name, None)
                if isinstance(held, list):
                    setattr(node, name, [each for inner in held for each in (_call(inner.lineno, inner), inner)])
        return node


def _call(line: int, at: ast.AST) -> ast.stmt:
    call = ast.Call(ast.Name(HIT, ast.Load()), [ast.Constant(line)], [])
    return ast.fix_missing_locations(ast.copy_location(ast.Expr(call), at))


def find_target(name: str, functions: Sequence[str], thorough: Sequence[str]) -> Target:
    """Return a module to mutate.

    Raises:
        LookupError: it has no function of one of those names.
    """
    module = importlib.import_module(name)
    file = str(module.__file__)
    gc.unfreeze()  # objects that a test session froze are not listed
    live = [each for each in gc.get_objects() if isinstance(each, FunctionType) and each.__code__.co_filename == file]
    if unknown := [each for each in functions if not _is_there(module, each)]:
        raise LookupError(f"module '{name}' has no {', '.join(unknown)}")
    return Target(module, functions, thorough, Path(file).read_text(), reasons(Path(file).parent), live)


def _is_there(module: ModuleType, name: str) -> bool:
    holder: Any = module
    for step in name.split("."):
        holder = vars(holder).get(step)
    return holder is not None


def _pairs(items: Sequence[pytest.Item]) -> Iterator[tuple[pytest.Item, pytest.Item | None]]:
    return zip(items, [*items[1:], None], strict=True)


def _forked(run: Callable[[], tuple[int, Any]], limit_s: float | None) -> tuple[int | None, Any]:
    """Run something in a fork, and return its code and what it returned; None and None where it ran out of time."""
    read, write = os.pipe()
    child = os.fork()
    if not child:
        _run_in_child(run, write)
    os.close(write)
    said, in_time = _read(read, limit_s)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child, signal.SIGKILL)  # with all that it started
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if not in_time:
        return None, None
    return tuple(json.loads(said)) if said else (code, None)


def _read(pipe: int, limit_s: float | None) -> tuple[bytes, bool]:
    """What comes through a pipe until it is closed, and whether that was in time."""
    deadline = None if limit_s is None else time.monotonic() + limit_s
    poll, said = select.poll(), b""
    poll.register(pipe, select.POLLIN)
    try:
        while poll.poll(None if deadline is None else max(0, deadline - time.monotonic()) * 1000):
            piece = os.read(pipe, 1 << 16)
            if not piece:
                return said, True
            said += piece
        return said, False
    finally:
        os.close(pipe)


def _run_in_child(run: Callable[[], tuple[int, Any]], write: int) -> None:
    # Each with a personal configuration of its own: the roots that one pinned are another's at the same place.
    os.environ["XDG_CONFIG_HOME"] = tempfile.mkdtemp(dir=os.environ.get("XDG_CONFIG_HOME"))
    os.setsid()
    quiet = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(quiet, stream)
    try:
        with os.fdopen(write, "w") as pipe:
            json.dump(run(), pipe)
    finally:
        os._exit(_BROKEN)  # whatever happens, the parent's loop is not the child's


def read_killers(area: str) -> dict[str, str]:
    """Return by address of a mutant the test that killed it, as far as that was kept."""
    file = KILLERS / f"{area}.json"
    return dict(json.loads(file.read_text(encoding="utf-8"))) if file.exists() else {}


def keep_killers(area: str, answers: Mapping[str, str]) -> None:
    """Keep which test killed each mutant of an area."""
    found = {name: said.removeprefix("killed by ") for name, said in answers.items() if "::" in said}
    KILLERS.mkdir(exist_ok=True)
    (KILLERS / f"{area}.json").write_text(
        json.dumps(found, indent=1, sort_keys=True, ensure_ascii=False) + "\n", encoding="utf-8"
    )


def main() -> None:
    """Try the mutants of an area and print what came of each; more words go to pytest, addresses by `--only`."""
    name, only, *words = sys.argv[1], json.loads(sys.argv[2]), *sys.argv[3:]
    area = AREAS[name]
    guards = Guards(area, only, read_killers(name))
    plain = ["-p", "no:cacheprovider", "-o", "timeout=0", "-W", "ignore::pytest.PytestAssertRewriteWarning"]
    tests = [str(Path(__file__).parents[1] / each) for each in area.tests]
    out = os.dup(1)
    os.dup2(2, 1)  # what pytest prints is for people
    code = pytest.main([*plain, *tests, *words], plugins=[guards])
    if code:
        guards.problem = guards.problem or f"pytest ended with {code!r}"
    answer = {"problem": guards.problem, "answers": guards.answers}
    os.write(out, json.dumps(answer).encode())


if __name__ == "__main__":
    main()
