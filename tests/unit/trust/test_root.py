"""The chain of a repository's roots: who may make the next version, and what does not follow."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from phasegate.core import InvalidInput
from phasegate.ledger import PrivateKey
from phasegate.trust import Root, SignedRoot, follow, sign_root

KEYS = {name: PrivateKey.generate() for name in ("ada", "bob", "cy", "eve", "system")}


def row(name: str, key: str = "") -> dict[str, Any]:
    return {"name": name, "public_key": str(KEYS[key or name].public), "card": "manager", "slack": "", "jira": ""}


def root(*names: str, after: SignedRoot | None = None, threshold: int = 1, **more: Any) -> Root:
    """Return a version that names these managers, and follows another."""
    settings = {
        "managers": [row(name) for name in names],
        "groups": {},
        "demo": False,
        "index.path": "",
        "aws.endpoint_url": "",
        "work.flow": "sdlc",
        "trust.threshold": threshold,
    }
    made = Root(
        version=after.root.version + 1 if after else 1,
        repository=after.root.repository if after else "r" * 32,
        before=after.digest if after else "",
        at=1_763_496_600,
        settings=settings,
        files={},
        phases=("specify",),
        rules={"specify": {"quorum": 1}},
        system=(str(KEYS["system"].public),),
    )
    return replace(made, **more)


def signed(made: Root, *names: str) -> SignedRoot:
    result = SignedRoot(made.encoded(), ())
    for name in names:
        result = result.with_signature(KEYS[name])
    return result


def chain(*parts: tuple[Sequence[str], Sequence[str]]) -> list[SignedRoot]:
    """Return versions, each with the managers that it names and those who signed it."""
    made: list[SignedRoot] = []
    for names, signers in parts:
        made.append(signed(root(*names, after=made[-1] if made else None), *signers))
    return made


def test_a_version_that_a_manager_of_the_one_before_signed_counts() -> None:
    found = follow(chain((["ada"], ["ada"]), (["ada", "bob"], ["ada"]), (["bob"], ["bob"])))

    assert [version.root.version for version in found.versions] == [1, 2, 3]
    assert not found.wrong
    assert list(found.versions[-1].root.managers) == ["bob"]


@pytest.mark.parametrize("signers", [["bob"], ["eve"], [], ["bob", "eve", "system"]])
def test_nobody_makes_themselves_a_manager(signers: list[str]) -> None:
    found = follow(chain((["ada"], ["ada"]), (["ada", "bob", "eve"], signers)))

    assert [version.root.version for version in found.versions] == [1]
    assert found.pending is not None


def test_a_first_version_counts_under_the_key_of_a_manager_whom_it_names_alone() -> None:
    assert not follow(chain((["ada"], ["eve"]))).versions


def test_a_threshold_of_the_version_before_is_of_different_keys() -> None:
    first = signed(root("ada", "bob", "cy", threshold=2), "ada", "bob")
    twice = signed(root("eve", after=first), "ada")
    twice = SignedRoot(twice.payload, (*twice.signatures, *twice.signatures))

    assert follow([first, twice]).pending == twice
    assert len(follow([first, signed(root("eve", after=first), "ada", "cy")]).versions) == 2
    # The threshold of the version that is signed counts from the one after it on.
    assert len(follow([first, signed(root("cy", after=first, threshold=1), "cy")]).versions) == 1


def test_a_first_version_waits_for_its_own_threshold() -> None:
    made = root("ada", "bob", threshold=2)

    assert not follow([signed(made, "ada")]).versions
    assert follow([signed(made, "ada", "bob")]).versions


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"version": 3}, id="a version is left out"),
        pytest.param({"version": 1}, id="a version stands twice"),
        pytest.param({"before": "0" * 64}, id="it follows another"),
        pytest.param({"repository": "s" * 32}, id="it is another repository's"),
    ],
)
def test_a_signed_version_out_of_its_place_counts_for_nothing(change: dict[str, Any]) -> None:
    first, _ = made = chain((["ada"], ["ada"]), (["ada", "bob"], ["ada"]))
    other = signed(root("ada", "bob", after=first, **change), "ada")

    found = follow([first, other])

    assert [version.digest for version in found.versions] == [first.digest]
    assert "does not follow" in found.wrong
    assert len(follow(made).versions) == 2


def test_what_comes_after_a_version_that_does_not_count_counts_for_nothing() -> None:
    first = signed(root("ada"), "ada")
    own = signed(root("eve", after=first), "eve")
    after = signed(root("eve", after=own), "eve")

    found = follow([first, own, after])

    assert len(found.versions) == 1
    assert found.wrong == "version 2 is signed by no manager, and 1 have to sign it"


def test_a_changed_byte_is_no_signed_root() -> None:
    first = signed(root("ada"), "ada")
    other = SignedRoot(first.payload.replace(b'"demo":false', b'"demo":true'), first.signatures)

    assert not follow([other]).versions


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"[]",
        b"{}",
        b"[" * 100_000,
        b'{"_type":"https://in-toto.io/Statement/v1","predicateType":"https://phasegate.dev/trust-root/v1"}',
        root("ada").encoded() + b" ",
        root("ada", threshold=2).encoded(),
        root("ada", threshold=0).encoded(),
    ],
)
def test_bytes_that_are_no_root_in_its_one_form_are_told(payload: bytes) -> None:
    with pytest.raises(InvalidInput) as refused:
        Root.decoded(payload)

    assert refused.value.fix
    assert follow([SignedRoot(payload, ())]).wrong


def test_a_root_comes_back_from_its_bytes_and_from_its_json() -> None:
    made = sign_root(root("ada", "bob"), KEYS["ada"])

    assert Root.decoded(made.payload) == root("ada", "bob")
    assert SignedRoot.of_json(made.as_json()) == made


def test_a_demonstration_without_a_person_is_signed_by_its_system_and_nothing_follows_it() -> None:
    empty = root()
    alone = replace(empty, settings={**empty.settings, "demo": True})

    assert not follow([signed(empty, "system")]).versions
    first = signed(alone, "system")
    assert follow([first]).versions
    assert not follow([first, signed(root("eve", after=first), "system", "eve")]).versions[1:]
