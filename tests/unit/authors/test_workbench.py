"""The tools with which a model edits the files of a draft, and the stages of its tasks."""

from collections.abc import Mapping
from typing import Any

import pytest

from phasegate.authors import Brief, CheckReviewer, Deliverable, Draft, Facts, Subject
from phasegate.authors.checks import approved_tests
from phasegate.authors.kinds import PACKAGE
from phasegate.authors.model.answers import DraftAnswer, WrittenFile
from phasegate.authors.model.tasks import build_tasks, stages
from phasegate.authors.model.workbench import MOST_SHOWN, Workbench
from phasegate.core import Missing
from phasegate.models import Result, Use
from phasegate.sandbox import TestCase, TestReport
from unit.authors.sample_package import FOLDER, TASKS
from unit.authors.sample_spec import NOW

FACTS = Facts(run="r1", spec=FOLDER, project="acme-amounts", package="acme_amounts", started_at=NOW)
FILES = {
    f"{FOLDER}/plan.md": b"# Plan\n",
    "src/acme_amounts/__init__.py": b"one = 1\ntwo = 1\n",
    "tests/amounts/test_a.py": b"def test_a():\n    assert True\n",
    "phasegate.toml": b"secret",
}
TOOLS = ["list_files", "read_file", "search", "write_file", "edit_file", "delete_file", "run_tests"]


class Reports:
    """Double that gives one report, and keeps the files that it was asked about."""

    def __init__(self, report: TestReport | Exception) -> None:
        self.report = report
        self.files: list[Mapping[str, bytes]] = []

    async def run(self, kind: Deliverable, facts: Facts, files: Mapping[str, bytes]) -> TestReport:
        self.files.append(files)
        if isinstance(self.report, Exception):
            raise self.report
        return self.report


PASSED = TestReport(cases=(TestCase(id="tests/amounts/test_a.py::test_a", outcome="passed", seconds=0.1),))


def workbench(report: TestReport | Exception = PASSED, **changed: Any) -> Workbench:
    brief = Brief(
        facts=FACTS,
        key="build/1/1/code",
        kind=PACKAGE,
        phase="build",
        role="python-engineer",
        item="code",
        round=1,
        outputs=("src/acme_amounts/*",),
        files=FILES,
        reads=("{spec}/*", "tests/{module}/*"),
    )
    return Workbench(brief=brief, trial=Reports(report), **changed)


async def said(bench: Workbench, name: str, **arguments: Any) -> tuple[str, bool]:
    result = await bench.call(Use(id="u", name=name, arguments=arguments))
    assert isinstance(result, Result)
    return result.text, result.failed


async def test_it_offers_its_tools_with_words_for_each() -> None:
    specs = await workbench().specs()
    assert [spec.name for spec in specs] == TOOLS
    assert all(spec.description and spec.parameters["type"] == "object" for spec in specs)
    assert await workbench().call(Use(id="u", name="aws_count_resources", arguments={})) is None


async def test_only_what_the_brief_lets_it_read_is_there() -> None:
    bench = workbench()
    listed, _ = await said(bench, "list_files")
    assert "phasegate.toml" not in listed
    assert "src/acme_amounts/__init__.py (16 bytes)" in listed
    text, failed = await said(bench, "read_file", path="phasegate.toml")
    assert failed
    assert "there is no file 'phasegate.toml'" in text
    assert await said(bench, "search", text="secret") == ("no line contains it", False)


async def test_lines_are_read_and_found() -> None:
    bench = workbench()
    text, _ = await said(bench, "read_file", path="src/acme_amounts/__init__.py", first=2, last=2)
    assert "two = 1" in text
    assert "one = 1" not in text
    text, failed = await said(bench, "read_file", path="src/acme_amounts/__init__.py", first=9)
    assert (text, failed) == ("'src/acme_amounts/__init__.py' has 3 lines", True)
    found, _ = await said(bench, "search", text="= 1", pattern="src/*")
    assert "src/acme_amounts/__init__.py:2: two = 1" in found


async def test_what_it_writes_is_in_the_answer_and_in_the_tests() -> None:
    bench = workbench()
    assert await said(bench, "write_file", path="src/acme_amounts/a.py", text="x = 1") == (
        "'src/acme_amounts/a.py' is written",
        False,
    )
    await said(bench, "edit_file", path="src/acme_amounts/__init__.py", old="two = 1", new="two = 2")
    assert "1 of 1 tests passed." in (await said(bench, "run_tests"))[0]
    assert bench.trial.files[0]["src/acme_amounts/a.py"] == b"x = 1\n"  # type: ignore[attr-defined]
    own = DraftAnswer(files=(WrittenFile(path="src/acme_amounts/a.py", text="x = 2\n"),))
    merged = {file.path: file.text for file in bench.merged(own).files}
    assert merged == {"src/acme_amounts/a.py": "x = 2\n", "src/acme_amounts/__init__.py": "one = 1\ntwo = 2\n"}


@pytest.mark.parametrize(
    ("tool", "arguments", "words"),
    [
        ("write_file", {"path": "tests/amounts/test_a.py", "text": ""}, "is not yours to write"),
        ("write_file", {"path": "../../etc/passwd", "text": ""}, "is not yours to write"),
        ("write_file", {"path": "src/acme_amounts/../../x.py", "text": ""}, "is not yours to write"),
        ("delete_file", {"path": "tests/amounts/test_a.py"}, "is not yours to write"),
        ("edit_file", {"path": "src/acme_amounts/__init__.py", "old": "= 1", "new": "= 2"}, "stands 2 times"),
        ("edit_file", {"path": "src/acme_amounts/none.py", "old": "a", "new": "b"}, "there is no file"),
        ("read_file", {"path": "a", "first": 0}, "greater than or equal to 1"),
        ("search", {}, "text: Field required"),
        ("run_tests", {"only": "one"}, "Extra inputs are not permitted"),
    ],
)
async def test_what_cannot_be_done_says_why_and_changes_nothing(tool: str, arguments: Any, words: str) -> None:
    bench = workbench()
    text, failed = await said(bench, tool, **arguments)
    assert failed
    assert words in text
    assert bench.files == FILES


async def test_a_task_writes_its_own_files_and_no_other() -> None:
    bench = workbench()
    part = bench.copy(["src/acme_amounts/a.py"])
    await said(part, "write_file", path="src/acme_amounts/a.py", text="a = 1")
    text, failed = await said(part, "write_file", path="src/acme_amounts/b.py", text="b = 1")
    assert failed
    assert "belongs to another task; yours are src/acme_amounts/a.py" in text
    part.take(DraftAnswer(files=(WrittenFile(path="src/acme_amounts/b.py", text="b = 1"),)))
    bench.merge(part)
    assert sorted(bench.changed) == ["src/acme_amounts/a.py"]


async def test_a_deleted_file_is_gone_from_the_draft() -> None:
    bench = workbench()
    await said(bench, "delete_file", path="src/acme_amounts/__init__.py")
    assert (await said(bench, "read_file", path="src/acme_amounts/__init__.py"))[1]
    assert bench.applied(Draft(files={}, message="m")).files == {"src/acme_amounts/__init__.py": None}


async def test_python_that_does_not_parse_is_told_at_once() -> None:
    bench = workbench()
    text, failed = await said(bench, "write_file", path="src/acme_amounts/a.py", text="def (")
    assert not failed
    assert "is written, but 'src/acme_amounts/a.py' is no Python" in text
    assert len(bench.broken()) == 1


async def test_a_test_report_is_the_same_words_for_the_same_outcome() -> None:
    failed = TestCase(id="t.py::test_a", outcome="failed", seconds=1.0, message="<A object at 0x7f00deadbeef> is not 1")
    first, second = (
        TestReport(cases=(failed,), seconds=seconds, problems=("it ended early",)) for seconds in (1.0, 2.0)
    )
    told = [(await said(workbench(report), "run_tests"))[0] for report in (first, second)]
    assert told[0] == told[1]
    assert "0 of 1 tests passed." in told[0]
    assert "Problem: it ended early" in told[0]
    assert "<A object at 0x…> is not 1" in told[0]


async def test_a_dependency_that_is_not_installed_is_told_with_what_to_do() -> None:
    text, failed = await said(workbench(Missing("'x' is not here", fix="pip install x")), "run_tests")
    assert failed
    assert "pip install x" in text


async def test_a_long_file_is_cut() -> None:
    bench = workbench()
    await said(bench, "write_file", path="src/acme_amounts/a.txt", text="x" * (MOST_SHOWN + 10))
    assert "(and 11 characters more)" in (await said(bench, "read_file", path="src/acme_amounts/a.txt"))[0]


def test_tasks_that_share_no_file_are_one_stage() -> None:
    found = stages(build_tasks(TASKS, ("src/acme_amounts/*",)))
    assert [[task.id for task in stage] for stage in found] == [["T001"], ["T002", "T003"], ["T004"]]


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (["T001 [P] a src/p/a.py", "T002 [P] again src/p/a.py"], [["T001"], ["T002"]]),
        (["T001 a src/p/a.py", "T002 b src/p/b.py"], [["T001", "T002"]]),
        (["T001 talk about it", "T002 [P] b src/p/b.py"], [["T002"]]),
        (["T001 [P] tests in tests/a.py", "T002 [P] b `src/p/b.py`."], [["T002"]]),
        ([], []),
    ],
)
def test_a_task_counts_by_the_files_that_it_names(lines: list[str], expected: list[list[str]]) -> None:
    text = "".join(f"- [ ] {line}\n" for line in lines)
    assert [[task.id for task in stage] for stage in stages(build_tasks(text, ("src/p/*",)))] == expected


@pytest.mark.parametrize(
    ("path", "content", "changed"),
    [
        ("tests/amounts/test_a.py", b"def test_a():\n    assert 1\n", True),
        ("tests/amounts/test_a.py", None, True),
        ("tests/amounts/test_b.py", b"", True),
        ("tests/amounts/conftest.py", b"", True),
        ("tests/conftest.py", b"", True),
        ("src/acme_amounts/__init__.py", b"one = 2\n", False),
        ("tests/another/test_a.py", b"", False),
    ],
)
async def test_each_test_file_is_the_one_that_was_approved(path: str, content: bytes | None, changed: bool) -> None:
    files = {name: text for name, text in {**FILES, path: content}.items() if text is not None}
    subject = Subject(
        facts=FACTS,
        key="build/1/1/approved-tests",
        kind=PACKAGE,
        phase="build",
        checks=("approved-tests",),
        tree="t",
        files=files,
        since=FILES,
    )
    [report] = await CheckReviewer({"approved-tests": approved_tests}).review(subject)
    assert [(found.rule, found.path, found.blocking) for found in report.findings] == [
        ("changed-test", path, True)
    ] * changed
