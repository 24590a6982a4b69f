import phasegate.core.errors as errors
from phasegate.core import PhasegateError, Refused


def test_each_kind_of_error_has_an_exit_code_of_its_own() -> None:
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, PhasegateError)]
    codes = [kind.exit_code for kind in kinds if "exit_code" in vars(kind)]
    assert sorted(codes) == list(range(1, 10))


def test_the_tree_in_the_docstring_is_the_tree() -> None:
    for kind in PhasegateError.__subclasses__():
        if kind.__module__ == errors.__name__:
            assert f"{kind.__name__:<20}{kind.exit_code}" in (errors.__doc__ or "")


def test_a_refusal_carries_its_reason_and_what_to_do() -> None:
    refused = Refused("no", reason="stale_digest", fix="look again")
    assert (str(refused), refused.reason, refused.fix) == ("no", "stale_digest", "look again")
