"""Traces of calls between packages, taken from a program that runs."""

import asyncio
import sys
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import FrameType
from typing import Any, NamedTuple

_OURS = "phasegate."
_SUBMIT = ThreadPoolExecutor.submit.__code__
_TASK = asyncio.BaseEventLoop.create_task.__code__
_THREAD = threading.Thread.start.__code__


class Call(NamedTuple):
    """A call from a module into one of another package."""

    caller: str
    callee: str


@dataclass
class Walk:
    """The way to a function that was called."""

    end: str
    """Module and qualified name of the last function, such as `phasegate.ledger.chain.append`."""
    chain: tuple[str, ...] = ()
    """Modules on the stack at the end, from the first to the last; threads and tasks are joined to who began them."""
    _begun: dict[int, tuple[Any, tuple[str, ...]]] = field(default_factory=dict)
    """Chains of those who began a thread, task or job, by its identity, which lives on so that it stays unique."""

    def see(self, frame: FrameType, event: str) -> None:
        """Take a call in."""
        if event != "call" or self.chain:
            return
        code = frame.f_code
        if code in (_SUBMIT, _TASK, _THREAD):
            self._note(frame)
            return
        module = frame.f_globals.get("__name__", "")
        if not module.startswith(_OURS):
            return
        if f"{module}.{code.co_qualname}" == self.end:
            self.chain = self._chain(frame)

    def _note(self, frame: FrameType) -> None:
        name = {_SUBMIT: "fn", _TASK: "coro", _THREAD: "self"}[frame.f_code]
        begun = frame.f_locals[name]
        self._begun[id(begun)] = begun, self._chain(frame)

    def _chain(self, frame: FrameType) -> tuple[str, ...]:
        modules = []
        found: FrameType | None = frame
        while found:
            modules.append(found.f_globals.get("__name__", ""))
            found = found.f_back
        ours = [module for module in reversed(modules) if module.startswith(_OURS)]
        return _without_repeats((*self._before(frame), *ours))

    def _before(self, frame: FrameType) -> tuple[str, ...]:
        """Return the chain of whoever began the thread, job or task that the frame is in."""
        found: FrameType | None = frame
        coroutines = {id(getattr(coroutine, "cr_frame", None)): chain for coroutine, chain in self._begun.values()}
        while found:
            own = found.f_locals.get("self") if found.f_code.co_name in ("run", "_bootstrap_inner") else None
            for begun in (getattr(own, "fn", None), own):
                if begun is not None and id(begun) in self._begun:
                    return self._begun[id(begun)][1]
            if id(found) in coroutines:
                return coroutines[id(found)]
            found = found.f_back
        return ()


def package(module: str) -> str:
    """Return the top-level package of a module of ours."""
    return module.split(".")[1]


@contextmanager
def walk(*ends: str) -> Iterator[list[Walk]]:
    """Trace the calls inside, in each thread that is begun there, until each end is reached."""
    traced = [Walk(end) for end in ends]

    def see(frame: FrameType, event: str, argument: Any) -> None:
        for each in traced:
            each.see(frame, event)
        if all(each.chain for each in traced):
            sys.setprofile(None)  # of this thread; what comes after costs nothing more

    before = sys.getprofile()
    sys.setprofile(see)
    threading.setprofile(see)
    try:
        yield traced
    finally:
        threading.setprofile(None)
        sys.setprofile(before)


def climbs(calls: Sequence[Call], layers: Sequence[str]) -> list[Call]:
    """Return the calls from a package into one of a higher layer.

    Args:
        calls: between packages.
        layers: packages side by side in a layer joined by ` | `, the highest first.
    """
    height = {name: -number for number, layer in enumerate(layers) for name in layer.split(" | ")}
    return [call for call in calls if height[package(call.callee)] > height[package(call.caller)]]


def packages(chain: Sequence[str]) -> tuple[str, ...]:
    """Return the packages of a chain, in order."""
    return _without_repeats(tuple(package(module) for module in chain))


def _without_repeats(names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(name for number, name in enumerate(names) if not number or names[number - 1] != name)
