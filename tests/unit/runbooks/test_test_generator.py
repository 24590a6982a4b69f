"""Emitted tests pass on the module that the compiler writes, run most of it, and fail on small mistakes."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from phasegate.core import Criterion, InvalidInput
from phasegate.runbooks.compiler import test_generator
from phasegate.runbooks.compiler.codegen import compile_module, runtime_files
from phasegate.runbooks.compiler.iam_policy import policy
from phasegate.runbooks.compiler.test_generator import compile_tests, support_files, untested
from phasegate.runbooks.compiler.test_generator.literal import script
from phasegate.runbooks.compiler.test_generator.mock_answers import Table
from phasegate.runbooks.compiler.test_generator.values import numbered
from phasegate.runbooks.language.model import load
from phasegate.sandbox import find_sandbox, run_tests
from unit.runbooks.mutants import mutants

FILES = {path.stem: path.read_text() for path in sorted(Path(__file__).with_name("emitted").glob("*.yaml"))}
TOP = Path(__file__).parents[3]
OTHERS = [  # from other folders of this repository
    *sorted((TOP / "tests" / "groundtruth").glob("*.yaml")),
    *sorted(Path(__file__).with_name("valid").glob("*.yaml")),
    *sorted((TOP / "specs").glob("*/runbook.yaml")),
]
REMARKABLE = {
    "in_other_accounts": """
title: Unattached volumes
scope: {accounts: organization, regions: [us-east-1, eu-west-1]}
list: ec2.DescribeVolumes
id: VolumeId
match: "State == 'available'"
""",
    "rows_of_a_document": """
title: Users without a second factor
scope: {regions: global}
list:
  - {op: iam.GenerateCredentialReport, items: "[@]"}
  - {op: iam.GetCredentialReport, items: "parse_csv(Content)"}
id: user
match: "password_enabled == 'true' && mfa_active == 'false'"
""",
    "second_change_undone": """
title: Instances of an old generation
list: {op: ec2.DescribeInstances, items: "Reservations[].Instances[]"}
id: InstanceId
match: "InstanceType == 'm4.large' && State.Name == 'running'"
action:
  - {op: ec2.StopInstances, params: {InstanceIds: ["=InstanceId"]}}
  - op: ec2.ModifyInstanceAttribute
    params: {InstanceId: "=InstanceId", InstanceType: {Value: m5.large}}
    undo: {op: ec2.ModifyInstanceAttribute, params: {InstanceId: "=InstanceId", InstanceType: {Value: "=InstanceType"}}}
  - {op: ec2.StartInstances, params: {InstanceIds: ["=InstanceId"]}, verify: "InstanceType == 'm5.large'"}
guard: {max_changes: 5}
""",
}
QUICK = ("ebs_unattached", "snapshot_unreferenced", "ecs_service_idle")
"""A change, a set, and a chain with a metric; the others are among the slow tests."""
MUTATED = {  # every how-manieth mutant is tried
    "ebs_unattached": 3,  # where, tags, a skip, snapshot, undo, guard
    "snapshot_unreferenced": 1,  # a set
    "ecs_service_idle": 1,  # a chain and a metric
    "instance_termination_due": 1,  # dates in tags
    "rds_plain_or_public": 1,  # or, and a warning
    "s3_no_lifecycle": 1,  # errors that mean none
    "iam_admin_without_mfa": 1,  # calls for each item
    "instance_resized": 1,  # waits and undos
    "bucket_uploads_kept": 1,  # an undo with a condition
    "volume_provisioned": 1,  # a cost of several parts
}


def package(names: Sequence[str], texts: Mapping[str, str] = FILES) -> dict[str, bytes]:
    """A runbooks package with these runbooks and their tests."""
    files = {"src/pkg/__init__.py": b"", "src/pkg/runbooks/__init__.py": b""}
    files |= {f"src/pkg/_runtime/{path}": content for path, content in runtime_files().items()}
    for name in names:
        files[f"src/pkg/runbooks/{name}.py"] = compiled(name, texts[name]).encode()
        policy_file = f"src/pkg/runbooks/{name}.iam-policy.json"
        files[policy_file] = json.dumps(policy(load(texts[name], "runbook.yaml"))).encode()
        files |= compile_tests(load(texts[name], "runbook.yaml"), package="pkg", module=name)
    return files


def compiled(name: str, text: str) -> str:
    return compile_module(load(text, "runbook.yaml"), name=name.replace("_", "-"))


def lay(files: Mapping[str, bytes], folder: Path) -> None:
    for path, content in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)


@pytest.mark.parametrize(
    "name", [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in FILES]
)
async def test_they_pass_and_run_the_module(name: str) -> None:
    files = package([name])
    report = await run_tests(
        await find_sandbox(),
        files,
        tests=[f"tests/runbooks/test_{name}.py"],
        modules=[f"src/pkg/runbooks/{name}.py"],
        conftests=support_files("pkg"),
    )
    assert report.ok, (report.problems, report.failed, report.output)
    assert report.coverage >= 90


@pytest.mark.slow
def test_those_of_all_runbooks_pass_in_one_process(tmp_path: Path) -> None:
    texts = {f"at_{path.parent.name}_{path.stem}".replace("-", "_"): path.read_text() for path in OTHERS}
    texts |= REMARKABLE
    assert len(texts) > 45
    lay({**package(list(texts), texts), **support_files("pkg")}, tmp_path)
    options = [
        "-q",
        "-c",
        "/dev/null",
        "--rootdir=.",
        "--import-mode=importlib",
        "-p",
        "no:cacheprovider",
        "--tb=short",
    ]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options, "tests"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": "src"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-5000:]


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_mutants_fail_them(tmp_path: Path) -> None:
    lay(package(list(MUTATED)), tmp_path)
    jobs: list[tuple[str, str]] = []
    told: list[str] = []
    for name, every in MUTATED.items():
        for what, text in mutants(FILES[name])[::every]:
            try:
                jobs.append((name, compiled(name, text)))
            except InvalidInput:
                continue  # what the compiler refuses never gets as far as a test
            told.append(f"{name}: {what}")
    killed = [failed > 0 for failed, _ in run_emitted(tmp_path, jobs)]
    survivors = [what for what, dead in zip(told, killed, strict=True) if not dead]
    assert sum(killed) / len(killed) >= 0.95, survivors


def run_emitted(folder: Path, jobs: Sequence[tuple[str, str]]) -> list[tuple[int, int]]:
    """Failed and passed tests for each module and source."""
    (folder / "jobs.json").write_text(json.dumps(jobs))
    script = str(Path(__file__).with_name("run_emitted.py"))
    environment = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PATH": "/usr/bin:/bin"}
    done = subprocess.run(
        [sys.executable, script, "jobs.json"], cwd=folder, env=environment, capture_output=True, check=True, text=True
    )
    return [(failed, passed) for failed, passed in json.loads(done.stdout)]


def test_same_input_same_bytes() -> None:
    runbook = load(FILES["ebs_unattached"], "runbook.yaml")
    first, second = (compile_tests(runbook, package="pkg", module="m") for _ in range(2))
    assert first == second


def test_rows_differ_in_one_thing_and_say_which() -> None:
    text = compile_tests(load(FILES["ebs_unattached"], "r"), package="pkg", module="m")[
        "tests/runbooks/test_m.py"
    ].decode()
    for word in ("State is in-use", "CreateTime 30 days ago", "CreateTime 29 days 23 hours ago", "tag keep is empty"):
        assert f'id="{word}"' in text


def test_rows_that_differ_in_their_number_alone_are_written_once() -> None:
    text = compile_tests(load(FILES["ebs_unattached"], "r"), package="pkg", module="m")[
        "tests/runbooks/test_m.py"
    ].decode()
    body = text[text.index("def test_too_many_are_refused") :].partition("\ndef ")[0]
    assert body.count("VolumeId") == 1
    assert "for n in range(1, " in body


@pytest.mark.parametrize("value", [{"a{}": 'it\'s {1} "quoted"'}, {"a": ["x-1", {"b": "\\1\n"}]}])
def test_a_row_written_once_for_all_is_every_row(value: Any) -> None:
    rows = [numbered({"Id": "i-§", "Value": value}, n) for n in range(1, 13)]
    table = Table(kind="rows", call="ec2.DescribeVolumes", params={}, key="Volumes")
    table.content = [("a match", row) for row in rows]
    told: list[Any] = []
    answers = SimpleNamespace(rows=lambda call, params, key, rows: told.append(rows))
    exec("\n".join(script([table])), {"answers": answers})
    assert told == [rows]


def criterion(id_: str, when: str, then: str) -> Criterion:
    return Criterion(id=id_, given="an account", when=when, then=then)


CRITERIA = [
    criterion("AC-001", "the runbook scans", "volumes unattached for 30 days are reported"),
    criterion("AC-002", "the runbook scans", "each finding says what the volume costs per month"),
    criterion("AC-003", "a manager approves", "a snapshot is completed before the volume is deleted"),
    criterion("AC-004", "no approval is given", "nothing is changed in the dry run"),
    criterion("AC-005", "the same approval is applied a second time", "no second change is made"),
]


def test_each_criterion_has_a_test() -> None:
    runbook = load(FILES["ebs_unattached"], "runbook.yaml")
    names = dict(test_generator.test_names(runbook, CRITERIA))
    shown = {id_ for ids in names.values() for id_ in ids}
    assert shown == {c.id for c in CRITERIA}
    assert "AC-001" in names["test_verdict"]
    assert "AC-002" in names["test_cost"]
    assert "AC-003" in names["test_snapshot_comes_first"]
    assert "AC-004" in names["test_dry_run_changes_nothing"]
    assert "AC-005" in names["test_second_apply_changes_nothing"]
    text = compile_tests(runbook, package="p", module="m", criteria=CRITERIA)["tests/runbooks/test_m.py"].decode()
    assert '"""AC-002: Price times quantity, per month, with' in text


def test_planned_names_are_those_that_are_written() -> None:
    runbook = load(FILES["instance_idle"], "runbook.yaml")
    text = compile_tests(runbook, package="p", module="m")["tests/runbooks/test_m.py"].decode()
    written = [line.removeprefix("def ").split("(")[0] for line in text.splitlines() if line.startswith("def test_")]
    assert written == [name for name, _ in test_generator.test_names(runbook, [])]


def test_what_cannot_be_shown_is_said() -> None:
    text = "list: ec2.DescribeVolumes\nid: VolumeId\nmatch: \"State == 'available' && State == 'in-use'\"\n"
    findings = untested(load(text, "specs/001-x/runbook.yaml"))
    assert [(f.rule, f.path, f.line) for f in findings] == [("no-example", "specs/001-x/runbook.yaml", 3)]
    assert not any(f.blocking for f in findings)
    assert compile_tests(load(text, "r"), package="p", module="m")  # says so in its docstring


def test_permissions_without_proof_are_said() -> None:
    rules = {f.rule: f.message for f in untested(load(FILES["ecs_service_idle"], "r"))}
    assert "cloudwatch:GetMetricStatistics" in rules["permission-unproven"]  # moto cannot judge its protocol


def test_mutants_are_different_files() -> None:
    found = mutants(FILES["ebs_unattached"])
    assert len({text for _, text in found}) == len(found) > 15
    words = " ".join(what for what, _ in found)
    for what in ("> is >=", "is lost in the file", "clause", "'keep' is another", "OwnerIds is lost"):
        assert what in words
