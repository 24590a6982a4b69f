import keyword

import pytest

from phasegate.core import identifier, new_id


@pytest.mark.parametrize(
    ("name", "module"),
    [
        ("001-unattached-ebs-volumes", "unattached_ebs_volumes"),  # a spec's folder
        ("Café & Co", "caf_co"),  # other letters go
        ("007", "runbook_007"),  # nothing but a number
        ("", "runbook"),  # nothing at all
        ("001-3-tier", "runbook_3_tier"),  # a module cannot begin with a digit
        ("002-class", "runbook_class"),  # nor be a word of the language
    ],
)
def test_a_title_becomes_a_module_name(name: str, module: str) -> None:
    assert identifier(name) == module
    assert module.isidentifier()
    assert not keyword.iskeyword(module)


def test_ids_differ_and_hold_no_letters_that_are_mistaken_for_others() -> None:
    ids = {new_id() for _ in range(500)}
    assert len(ids) == 500
    assert not set("".join(ids)) & set("ilo01")
