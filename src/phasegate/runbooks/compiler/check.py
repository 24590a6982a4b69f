"""Runs a runbook.yaml as it will run once released: compiled to a package, and the compiled detection in process."""

import importlib
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from importlib.resources import files
from pathlib import Path
from typing import Any

from phasegate.core.errors import Missing, PhasegateError, UsageError
from phasegate.core.ids import new_id
from phasegate.runbooks.compiler.codegen import compile_module, runtime_files
from phasegate.runbooks.language.model import load

_MODULE = "checked"


@dataclass(frozen=True, kw_only=True)
class Where:
    """Scope and connection of a check."""

    regions: Sequence[str] = ()
    """Win over the runbook's scope."""
    except_regions: Sequence[str] = ()
    accounts: str = ""
    """`current`, `organization`, or ids with commas, in place of the runbook's own."""
    profile: str = ""
    """AWS profile of the credentials, or empty for boto3's own search."""
    endpoint: str | None = None
    """Endpoint of AWS, or None for AWS_ENDPOINT_URL or AWS itself."""
    params: Mapping[str, Any] = field(default_factory=dict)
    """Overrides of the runbook's parameters."""
    prices: Path | None = None
    """The price table; the one that a target repository begins with, where it is left out."""


def check(text: str, path: str, *, as_of: datetime, where: Where | None = None) -> dict[str, Any]:
    """Scan with a runbook without changing anything, and return the report.

    Args:
        text: The runbook.yaml.
        path: Its name.
        as_of: The time to judge by, with its zone.
        where: Regions, endpoint, parameters and prices.

    Returns:
        JSON: `runbook`, `as_of`, `counts`, `errors`, and `findings`, each with `id`, `region`, `account`, `verdict`,
        `severity`, `reason`, `evidence` and `cost`.

    Raises:
        InvalidInput: the file does not hold.
        Missing: there are no credentials that work.
        UsageError: an override names no parameter of the runbook, or an account is none.
    """
    looked = where or Where()
    source = compile_module(load(text, path), name=_name(path))
    with _package(source) as package:
        runtime = importlib.import_module(f"{package}._runtime")
        runbook = importlib.import_module(f"{package}.runbooks.{_MODULE}").RUNBOOK
        try:
            document: dict[str, Any] = runtime.run(runbook, _order(package, as_of, looked)).document()
        except runtime.RunbookError as error:  # the package's own class, which nobody outside can catch by name
            raise _ours(error.exit_code)(str(error), fix="see 'phasegate runbook check --help'") from error
    return document


def _order(package: str, as_of: datetime, looked: Where) -> Any:
    runtime = importlib.import_module(f"{package}._runtime")
    options = importlib.import_module(f"{package}._runtime.options")
    return runtime.Order(
        now=as_of,
        regions=tuple(looked.regions),
        except_regions=tuple(looked.except_regions),
        accounts=options.accounts(looked.accounts or None),
        params=dict(looked.params),
        prices=runtime.PriceTable.read(looked.prices or Path(str(files("phasegate.runbooks") / "prices.json"))),
        endpoint=looked.endpoint,
        session=options.session(looked.profile),
    )


def _ours(exit_code: int) -> type[PhasegateError]:
    """Our error for one of a released command."""
    return {2: UsageError, 4: Missing}.get(exit_code, PhasegateError)


def _name(path: str) -> str:
    """The folder of a spec without its number, or else the file's own name."""
    file = Path(path)
    folder = file.parent.name
    return folder.lstrip("0123456789-") if file.stem == "runbook" and folder else file.stem


@contextmanager
def _package(source: str) -> Iterator[str]:
    """A package on the disk that can be imported, with the module and the runtime in it."""
    folder = Path(tempfile.mkdtemp(prefix="phasegate-check-"))
    # A name of its own each time, since Python keeps imported modules by name.
    name = f"phasegate_check_{new_id(10)}"
    try:
        _write(folder / name, source)
        sys.path.insert(0, str(folder))
        importlib.invalidate_caches()
        yield name
    finally:
        sys.path[:] = [entry for entry in sys.path if entry != str(folder)]
        # Left in place, modules would point at a folder that is gone.
        for module in [module for module in sys.modules if module == name or module.startswith(f"{name}.")]:
            del sys.modules[module]
        shutil.rmtree(folder, ignore_errors=True)


def _write(package: Path, source: str) -> None:
    written = {f"_runtime/{path}": content for path, content in runtime_files().items()}
    written |= {"__init__.py": b"", "runbooks/__init__.py": b"", f"runbooks/{_MODULE}.py": source.encode()}
    for path, content in written.items():
        (package / path).parent.mkdir(parents=True, exist_ok=True)
        (package / path).write_bytes(content)
