"""A released package believes the approvers whom its chain of roots names, by a fingerprint from elsewhere."""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from phasegate.ledger import PrivateKey
from phasegate.runbooks.runtime import Refused
from phasegate.runbooks.runtime.roots import trusted_approvers
from phasegate.trust import Chain, Root, SignedRoot, follow, list_approvers, sign_root

ADA, BOB, EVE = (PrivateKey.generate() for _ in range(3))


def settings(threshold: int = 1, **managers: PrivateKey) -> Mapping[str, Any]:
    rows = [{"name": name, "public_key": str(key.public), "card": "manager"} for name, key in managers.items()]
    return {"managers": rows, "demo": False, "trust.threshold": threshold}


FIRST = Root(
    version=1,
    repository="r" * 32,
    before="",
    at=0,
    settings=settings(ada=ADA),
    files={},
    phases=("specify",),
    rules={},
    system=(str(EVE.public),),
)
ONE = sign_root(FIRST, ADA)


def following(before: SignedRoot, *signers: PrivateKey, **changed: Any) -> SignedRoot:
    root = replace(before.root, **{"version": before.root.version + 1, "before": before.digest, **changed})
    made = SignedRoot(root.encoded(), ())
    for signer in signers:
        made = made.with_signature(signer)
    return made


TWO = following(ONE, ADA, settings=settings(2, ada=ADA, bob=BOB))
THREE = following(TWO, ADA, BOB, settings=settings(bob=BOB))


@pytest.fixture
def package(tmp_path: Path) -> Path:
    file = tmp_path / "approvers.json"
    file.write_text("{}")
    return file


def lay(file: Path, *versions: SignedRoot) -> None:
    file.write_text(json.dumps({"approvers": [], "roots": [version.as_json() for version in versions]}))


def names(file: Path, given: str = "") -> list[str]:
    return sorted(trusted_approvers(file, given, file.parent / "state" / "root.json"))


def test_approvers_are_those_of_the_newest_version(package: Path) -> None:
    assert list_approvers(package, follow([ONE, TWO]))
    written = json.loads(package.read_text())
    assert [row["name"] for row in written["approvers"]] == ["ada", "bob"]
    assert names(package, f"SHA256:{ONE.digest.upper()}") == ["ada", "bob"]
    assert trusted_approvers(package, "", package.parent / "state/root.json")["bob"] == str(BOB.public)
    lay(package, ONE, TWO, THREE)
    assert names(package) == ["bob"]


def test_a_root_counts_once_its_fingerprint_was_given(package: Path) -> None:
    lay(package, ONE)
    with pytest.raises(Refused, match=f"--root {ONE.digest}") as caught:
        names(package)
    assert caught.value.reason == "root-unknown"
    assert names(package, ONE.digest) == names(package) == ["ada"]


def test_another_root_is_refused_with_both_fingerprints(package: Path) -> None:
    lay(package, ONE)
    names(package, ONE.digest)
    other = sign_root(replace(FIRST, settings=settings(eve=EVE)), EVE)
    lay(package, other)
    for given in ("", other.digest, ONE.digest):
        with pytest.raises(Refused, match=f"{other.digest}, and the one known here is {ONE.digest}"):
            names(package, given)


def test_an_older_package_does_not_bring_back_who_left(package: Path) -> None:
    lay(package, ONE, TWO, THREE)
    assert names(package, ONE.digest) == ["bob"]
    fork = following(TWO, ADA, BOB, at=9)
    for versions in ((ONE, TWO), (ONE, TWO, fork)):
        lay(package, *versions)
        with pytest.raises(Refused, match="version 3 was seen here"):
            names(package, ONE.digest)


def _chains() -> dict[str, tuple[SignedRoot, ...]]:
    hers = settings(eve=EVE)
    edited = replace(FIRST, settings=settings(ada=ADA, eve=EVE)).encoded()
    return {
        "nobody signed it": (SignedRoot(FIRST.encoded(), ()),),
        "signed by another": (sign_root(FIRST, EVE),),
        "changed after it was signed": (SignedRoot(edited, ONE.signatures),),
        "a version of its own": (ONE, following(ONE, EVE, settings=hers)),
        "one signature of two": (ONE, TWO, following(TWO, ADA, settings=hers)),
        "one signature twice": (ONE, TWO, following(TWO, ADA, ADA, settings=hers)),
        "a version left out": (ONE, THREE),
        "another repository": (ONE, following(ONE, ADA, repository="x" * 32)),
        "no threshold": (ONE, following(ONE, ADA, settings=settings(0, eve=EVE))),
        "one key under two names": (ONE, following(ONE, ADA, settings=settings(ada=ADA, ann=ADA))),
        "no version": (),
    }


@pytest.mark.parametrize("name", _chains())
def test_a_chain_that_does_not_hold_names_nobody(package: Path, name: str) -> None:
    chain = _chains()[name]
    lay(package, *chain)
    with pytest.raises(Refused) as caught:
        names(package, chain[0].digest if chain else ONE.digest)
    assert caught.value.reason == "root-refused"


@pytest.mark.parametrize("text", ["", "[]", '{"approvers": []}', '{"roots": [{}]}', '{"roots": 1}', '{"roots": [1]}'])
def test_a_list_without_a_chain_names_nobody(package: Path, text: str) -> None:
    package.write_text(text)
    with pytest.raises(Refused, match="no chain of roots that holds"):
        names(package, ONE.digest)


def test_what_is_remembered_and_cannot_be_read_is_told(package: Path) -> None:
    lay(package, ONE)
    names(package, ONE.digest)
    (package.parent / "state" / "root.json").write_text("{")
    with pytest.raises(Refused, match="cannot be read"):
        names(package, ONE.digest)


def test_a_package_without_a_list_gets_none(tmp_path: Path) -> None:
    assert not list_approvers(tmp_path / "approvers.json", follow([ONE]))
    (tmp_path / "approvers.json").write_text("{}")
    assert not list_approvers(tmp_path / "approvers.json", Chain())
