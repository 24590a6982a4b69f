"""The version of a package without runbooks follows from its public API."""

import pytest

from phasegate.release import Level, propose
from phasegate.release.api import api_additions, api_breaks

BASE = {
    "pyproject.toml": b'[project]\nname = "acme"\nversion = "1.0.0"\n',
    "src/acme/__init__.py": b"from acme.a import f\n",
    "src/acme/a.py": b"def f(x): ...\nclass C:\n    def m(self): ...\n_hidden = 1\n",
}


def tree(code: bytes) -> dict[str, bytes]:
    return {**BASE, "src/acme/a.py": code}


@pytest.mark.parametrize(
    ("code", "level", "text"),
    [
        (
            b"def f(x, y): ...\nclass C:\n    def m(self): ...\n_hidden = 1\n",
            Level.major,
            "`acme.a.f`: parameter was added",
        ),
        (b"def f(x): ...\nclass C: ...\n_hidden = 1\n", Level.major, "`acme.a.C.m`: public object was removed"),
        (BASE["src/acme/a.py"] + b"def g(): ...\n", Level.minor, "`acme.a.g`."),
        (BASE["src/acme/a.py"].replace(b"_hidden = 1", b"_hidden = 2"), Level.patch, "shared parts were corrected"),
    ],
)
def test_a_change_has_the_level_that_callers_meet(code: bytes, level: Level, text: str) -> None:
    first = propose(BASE, tree(code)).changes[0]
    assert first.level is level
    assert text in first.text


def test_a_first_release_adds_what_is_public() -> None:
    assert api_additions({}, BASE, "acme") == ["acme.a.C", "acme.a.C.m", "acme.a.f"]
    assert api_breaks({}, BASE, "acme") == []


def test_code_that_does_not_parse_has_no_api_and_runs_nothing() -> None:
    assert api_additions(BASE, tree(b"def ("), "acme") == []
    assert api_additions({}, tree(b"raise SystemExit(3)\nx = 1\n"), "acme") == ["acme.a.x"]
