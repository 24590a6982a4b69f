"""Two bundles of one run, held against each other: a run that was decided in two copies of a repository has forked."""

from phasegate.ledger.signing.bundle import MALFORMED, Bundle, no_bundle, plain_json
from phasegate.ledger.signing.claims import Claim


def agree(one: Bundle, other: Bundle) -> Claim:
    """Return the claim that one bundle continues the other, with where they part if they do."""
    try:
        wrong, detail = _parted(one, other)
    except MALFORMED as error:
        wrong, detail = str(no_bundle(error)), ""
    return Claim(text="both bundles tell the same of the run", holds=not wrong, detail=wrong or detail)


def _parted(one: Bundle, other: Bundle) -> tuple[str, str]:
    if (one.run, one.system.key_id) != (other.run, other.system.key_id):
        return f"one is of run {one.run}, the other of run {other.run}, or of another system's key", ""
    pairs = zip(one.events, other.events, strict=False)
    for number, (left, right) in enumerate(pairs, start=1):
        if left.payload != right.payload:
            keys = [plain_json(each.payload).get("key") for each in (left, right)]
            return f"they part at event {number}: {keys[0]} in one, {keys[1]} in the other", ""
        if one.decisions.get(number) != other.decisions.get(number):
            return f"they hold different decisions after event {number}", ""
    first, second = len(one.events), len(other.events)
    return "", "the same events" if first == second else f"{abs(first - second)} events more in the longer one"
