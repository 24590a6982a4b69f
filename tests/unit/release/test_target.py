"""A target repository as `phasegate init` lays it in, released with the runtime that it really carries."""

from datetime import datetime
from pathlib import Path

from phasegate.release import (
    FolderIndex,
    build,
    check_backend,
    check_dependencies,
    install,
    propose,
    smoke,
    verify_wheel,
    with_version,
)
from phasegate.runbooks.compiler.codegen import runtime_files
from phasegate.sandbox import Sandbox
from phasegate.scaffold import scaffold


async def test_a_new_target_repository_can_be_released(sandbox: Sandbox, at: datetime, tmp_path: Path) -> None:
    tree = scaffold("acme-runbooks", runtime=runtime_files(), prices=b"{}")
    bump = propose({}, tree)
    tree = with_version(tree, bump.version)

    assert [*check_backend(tree), *check_dependencies(tree)] == []
    built = await build(tree, at=at, sandbox=sandbox)
    assert verify_wheel(built.wheel, tree) == []
    receipt = await FolderIndex(tmp_path / "index").publish(built.files)
    installed = await install(receipt, built.project, tmp_path / "env")
    assert (await smoke(installed, script="acme-runbooks")).findings == ()
