"""The runbooks of a tree, and what a user of each can see: parameters, findings, permissions."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from phasegate.core import plain_yaml
from phasegate.core.errors import InvalidInput
from phasegate.core.ids import identifier
from phasegate.release.compare import Grant, grants
from phasegate.release.project import SOURCE

_MODULE = re.compile(rf"{SOURCE}/\w+/runbooks/(?!__init__)(\w+)\.py")
_SPEC = re.compile(r"specs/((?:\d+-)?[^/]+)/runbook\.yaml")


@dataclass(frozen=True, kw_only=True)
class Shipped:
    """Runbook of a tree."""

    module: str
    code: bytes
    grants: frozenset[Grant]
    name: str
    """Name as users type it, such as `unattached-ebs-volumes`."""
    definition: Mapping[str, Any] = field(default_factory=dict)
    """Its runbook.yaml; empty where there is none."""
    contracts: Mapping[str, Any] = field(default_factory=dict)
    """File name to JSON Schema."""

    @property
    def title(self) -> str:
        """Title in one line."""
        return str(self.definition.get("title", "")) or self.name

    @property
    def params(self) -> Mapping[str, Any]:
        """Each parameter with its default."""
        scope = self.definition.get("scope") or {}
        return (scope.get("params") or {}) if isinstance(scope, dict) else {}


def shipped(tree: Mapping[str, bytes]) -> dict[str, Shipped]:
    """The runbooks of a tree by module.

    Raises:
        InvalidInput: A policy, contract or runbook.yaml cannot be read.
    """
    folders = {identifier(match[1]): match[1] for path in sorted(tree) if (match := _SPEC.fullmatch(path))}
    modules = {match[1]: path for path in sorted(tree) if (match := _MODULE.fullmatch(path))}
    return {module: _shipped(tree, module, path, folders.get(module)) for module, path in modules.items()}


def _shipped(tree: Mapping[str, bytes], module: str, path: str, folder: str | None) -> Shipped:
    policy = f"{path.removesuffix('.py')}.iam-policy.json"
    contracts = f"specs/{folder}/contracts/" if folder else "\0"
    return Shipped(
        module=module,
        code=tree[path],
        name=re.sub(r"^\d+-", "", folder) if folder else module.replace("_", "-"),
        grants=frozenset(grants(_json(tree, policy))) if policy in tree else frozenset(),
        definition=_yaml(tree, f"specs/{folder}/runbook.yaml") if folder else {},
        # Without their folder: a spec that is numbered anew keeps its contracts.
        contracts={
            p.removeprefix(contracts): _json(tree, p)
            for p in sorted(tree)
            if p.startswith(contracts) and p.endswith(".json")
        },
    )


def _json(tree: Mapping[str, bytes], path: str) -> dict[str, Any]:
    try:
        value = json.loads(tree[path])
    except (ValueError, RecursionError) as error:
        raise InvalidInput(f"{path} cannot be read: {error}", fix="mend it so that it is JSON") from error
    return _table(value, path)


def _yaml(tree: Mapping[str, bytes], path: str) -> dict[str, Any]:
    # Read as plain data: the last release may have been written in an earlier version of the runbook language.
    try:
        return _table(plain_yaml.read(tree[path].decode(), path, check="release").value, path)
    except UnicodeDecodeError as error:
        raise InvalidInput(f"{path} cannot be read: {error}", fix="mend it so that it is YAML") from error


def _table(value: Any, path: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise InvalidInput(f"{path} holds no table", fix="start it with `key: value`")
    return value
