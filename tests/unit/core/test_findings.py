from phasegate.core import Finding, Severity, worst_first


def _finding(severity: Severity, path: str = "a.md", line: int = 0) -> Finding:
    return Finding(check="lint", rule="rule", severity=severity, path=path, line=line, message="it is so")


def test_high_and_critical_block_and_nothing_else() -> None:
    assert [_finding(severity).blocking for severity in Severity] == [False, False, False, True, True]


def test_the_worst_comes_first_then_by_place() -> None:
    low, high = _finding(Severity.low), _finding(Severity.high, "b.md")
    early, late = _finding(Severity.medium, line=2), _finding(Severity.medium, line=9)
    assert worst_first([low, late, high, early]) == [high, early, late, low]


def test_a_place_is_written_as_editors_read_it() -> None:
    assert _finding(Severity.low).where == "a.md"
    assert _finding(Severity.low, line=3).where == "a.md:3"
