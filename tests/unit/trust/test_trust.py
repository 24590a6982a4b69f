"""A repository's root beside what this person pinned: what counts, and what is shown where it does not."""

import json
import shlex
from collections.abc import Callable
from pathlib import Path

import pytest

from phasegate.core import InvalidInput, Refused, canonical
from phasegate.trust import ROOTS, KnownRoots, SignedRoot, Standing, Trust, TrustStore
from unit.trust.test_root import KEYS, chain, root, signed


class Place:
    """A state directory, a work tree and a person's known roots."""

    def __init__(self, top: Path) -> None:
        self.top = top
        self.state, self.folder = top / "git" / "phasegate", top / "tree"
        self.state.mkdir(parents=True)
        self.folder.mkdir()
        self.known = KnownRoots(top / "known")

    @property
    def store(self) -> TrustStore:
        return TrustStore(self.state, self.folder, self.known)

    def write(self, *versions: SignedRoot, kept: bool = True, given: bool = True) -> None:
        text = b"".join(canonical(each.as_json()) + b"\n" for each in versions)
        if kept:
            (self.state / ROOTS).write_bytes(text)
        if given:
            (self.folder / ROOTS).write_bytes(text)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


@pytest.fixture
def held(place: Place) -> Place:
    """A repository with two versions of a root, which are pinned."""
    first, second = chain((["ada"], ["ada"]), (["ada", "bob"], ["ada"]))
    place.store.establish(first)
    place.store.add(lambda _: second)
    assert place.store.read().standing is Standing.held
    return place


def versions(place: Place) -> list[SignedRoot]:
    return list(place.store.read().chain.versions)


def test_a_new_repository_has_no_root_and_nobody_decides(place: Place) -> None:
    trust = place.store.read()

    assert trust.standing is Standing.absent
    assert trust.managers() == {}
    with pytest.raises(Refused) as refused:
        trust.require()
    assert refused.value.reason == "root_absent"


def test_the_first_root_is_pinned_where_it_is_made(held: Place) -> None:
    trust = held.store.read()

    assert list(trust.managers()) == ["ada", "bob"]
    assert trust.pinned is not None
    assert (trust.pinned.version, trust.pinned.fingerprint) == (2, trust.chain.fingerprint)
    with pytest.raises(Refused) as refused:
        held.store.establish(signed(root("eve"), "eve"))
    assert refused.value.reason == "root_exists"


def test_another_repository_in_the_folder_of_one_that_was_removed_is_told_how_to_begin(held: Place) -> None:
    for folder in (held.state, held.folder):
        (folder / ROOTS).unlink()
    with pytest.raises(Refused, match="is gone: version 2 was seen here") as refused:
        held.store.establish(signed(root("eve"), "eve"))
    command = shlex.split(refused.value.fix.rpartition("; ")[2].partition(": ")[2])
    assert command[0] == "rm"
    Path(command[1]).unlink()
    assert held.store.establish(signed(root("eve"), "eve")).standing is Standing.held


def test_a_cloned_repository_counts_once_its_fingerprint_is_pinned(held: Place, tmp_path: Path) -> None:
    clone = Place(tmp_path / "clone")
    clone.write(*versions(held), kept=False)

    trust = clone.store.read()
    assert trust.standing is Standing.unknown
    assert trust.managers() == {}
    assert trust.chain.fingerprint in trust.fix
    with pytest.raises(Refused, match="is not known here"):
        trust.require()
    with pytest.raises(Refused) as refused:
        clone.store.pin("0" * 64)
    assert refused.value.reason == "root_unknown"
    assert clone.store.pin(f"SHA256:{trust.chain.fingerprint}").standing is Standing.held
    assert (clone.state / ROOTS).read_bytes() == (clone.folder / ROOTS).read_bytes()


def test_a_clone_of_a_repository_that_is_known_counts_at_once(held: Place, tmp_path: Path) -> None:
    clone = Place(tmp_path / "clone")
    clone.write(*versions(held), kept=False)

    assert TrustStore(clone.state, clone.folder, held.known).read().standing is Standing.held


def _own(place: Place) -> None:
    place.write(signed(root("eve"), "eve"))


def _own_under_the_same_id(place: Place) -> None:
    place.write(signed(root("eve", repository=versions(place)[0].root.repository), "eve"))


def _own_of_another_repository(place: Place) -> None:
    place.write(signed(root("eve", repository="e" * 32), "eve"))


def _cut(place: Place) -> None:
    place.write(*versions(place)[:1])


def _gone(place: Place) -> None:
    (place.state / ROOTS).unlink()
    (place.folder / ROOTS).unlink()


def _empty(place: Place) -> None:
    place.write()


def _forked(place: Place) -> None:
    first, _ = versions(place)
    place.write(first, signed(root("ada", "cy", after=first), "ada"))


def _garbage(place: Place) -> None:
    for file in (place.state / ROOTS, place.folder / ROOTS):
        file.write_bytes(b"\xff{" * 50)


@pytest.mark.parametrize(
    "done", [_own, _own_under_the_same_id, _own_of_another_repository, _cut, _gone, _empty, _forked, _garbage]
)
def test_another_root_than_the_one_that_was_pinned_is_refused_and_told(
    held: Place, done: Callable[[Place], None]
) -> None:
    done(held)

    trust = held.store.read()

    assert trust.standing is Standing.refused
    assert trust.wrong
    assert trust.fix
    assert trust.managers() == {}
    with pytest.raises(Refused) as refused:
        trust.require()
    assert refused.value.reason == "root_refused"
    with pytest.raises(Refused):
        held.store.pin(trust.chain.fingerprint)
    with pytest.raises(Refused):
        held.store.add(lambda _: signed(root("eve"), "eve"))


def test_a_file_of_the_work_tree_that_says_otherwise_counts_for_nothing_and_is_told(held: Place) -> None:
    held.write(signed(root("eve"), "eve"), kept=False)

    trust = held.store.read()

    assert trust.standing is Standing.held
    assert list(trust.managers()) == ["ada", "bob"]
    assert any("work tree" in line for line in trust.wrong)


def test_an_older_file_of_the_work_tree_is_a_checkout_of_an_older_commit(held: Place) -> None:
    held.write(*versions(held)[:1], kept=False)

    trust = held.store.read()

    assert (trust.standing, trust.wrong) == (Standing.held, ())
    assert len(trust.digests) == 2


def test_a_newer_version_that_came_with_the_work_tree_counts_from_then_on(held: Place) -> None:
    store = held.store
    assert len(store.read().digests) == 2
    third = signed(root("bob", after=versions(held)[-1]), "bob")
    held.write(*versions(held), third, kept=False)

    assert list(store.read().managers()) == ["bob"]
    held.write(kept=False)
    assert list(held.store.read().managers()) == ["bob"], "it was taken over"


def _other(trust: Trust) -> SignedRoot:
    assert trust.chain.pending is not None
    return trust.chain.pending


def test_a_version_that_too_few_have_signed_waits_in_the_file_and_has_no_effect(place: Place) -> None:
    first = signed(root("ada", "bob", threshold=2), "ada", "bob")
    place.store.establish(first)
    wanted = root("ada", "bob", "cy", after=first)

    waiting = place.store.add(lambda _: signed(wanted, "ada"))
    assert list(waiting.managers()) == ["ada", "bob"]
    assert waiting.chain.pending is not None

    whole = place.store.add(lambda trust: _other(trust).with_signature(KEYS["bob"]))
    assert list(whole.managers()) == ["ada", "bob", "cy"]
    assert whole.chain.pending is None


def test_a_version_that_nobody_signed_who_may_is_not_written(held: Place) -> None:
    before = (held.folder / ROOTS).read_bytes()

    trust = held.store.add(lambda trust: signed(root("eve", after=trust.chain.newest), "eve"))

    assert list(trust.managers()) == ["ada", "bob"]
    with pytest.raises(Refused):
        held.store.add(lambda trust: signed(root("eve", after=versions(held)[0]), "ada"))
    assert (held.folder / ROOTS).read_bytes().startswith(before)


def test_the_key_of_this_copy_has_to_be_named(held: Place) -> None:
    trust = held.store.read()

    assert trust.require(KEYS["system"].public).version == 2
    with pytest.raises(Refused) as refused:
        trust.require(KEYS["eve"].public)
    assert refused.value.reason == "system_unknown"


def test_a_pin_that_cannot_be_read_is_told_and_not_taken_for_none(held: Place) -> None:
    for file in held.known.folder.glob("*.json"):
        file.write_text(json.dumps({"repository": "r"}))

    with pytest.raises(InvalidInput) as told:
        held.store.read()
    assert told.value.fix
