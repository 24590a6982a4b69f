"""Each rule of the gates, taken out of a copy of the source: the tests that hold it must go red.

The copy is a folder of links to the package, with one file written anew; what is installed stays as it is.
"""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import pytest

import phasegate

PACKAGE = Path(phasegate.__file__).parent
TESTS = Path(__file__).parent
TOP = TESTS.parents[2]


class Break(NamedTuple):
    """A rule, and how it is taken out."""

    rule: str
    was: str
    """What stands in the source, once."""
    becomes: str
    tests: str
    """The test module that shows it, one beside this or by its path, and which of its tests."""


RULES = {
    "workflow/decide.py": [
        Break("no agent", "if who.kind is Kind.agent or name in keeper.agents or who.name in keeper.agents:",
              "if False:", "matrix:void"),
        Break("no agent's credentials", "who.kind is Kind.agent or ", "", "revoke:another_said"),
        Break("no service", "if who.kind is not Kind.person:", "if False:", "matrix:clean"),
        Break("nobody decides as another", "if who.name != name:", "if False:", "revoke:another_said"),
        Break("no policy's name", "if statement.by.startswith(POLICY):", "if False:", "matrix:clean"),
        Break("who may not is refused", "if reason:\n", "if False:\n", "matrix:void"),
        Break("a gate that is not there", "dossier is None or dossier.gate is None or key.phase",
              "dossier is None or key.phase", "matrix:unknown"),
        Break("void", "    if gate.status is GateStatus.void:\n        raise _void(gate.key)",
              "    if False:\n        raise _void(gate.key)", "matrix:void"),
        Break("void, in a race", "    if gate is None or gate.status is GateStatus.void:", "    if gate is None:",
              "revoke:loses"),
        Break("decided once", "    if dossier.decision:\n", "    if False:\n",
              "matrix:otherwise"),
        Break("the same is given back", "if replace(statement, at=first.at, token=first.token) == first:",
              "if False:", "matrix:same"),
        Break("another is refused", "if replace(statement, at=first.at, token=first.token) == first:",
              "if True:", "matrix:otherwise"),
        Break("expiry", "    if expired(gate, phase, now):", "    if False:", "matrix:expired"),
        Break("digest", "    if (statement.digest, statement.tree) != (gate.digest, gate.tree):", "    if False:",
              "matrix:shows"),
        Break("tree", "(statement.digest, statement.tree) != (gate.digest, gate.tree)",
              "statement.digest != gate.digest", "decide:another_tree"),
        Break("what it showed is asked for again", "    await _still(keeper, gate, dossier, dispatch)\n", "",
              "binding:edited_after or lowered"),
        Break("token", "    if not token_holds(statement.token, keeper.system, gate, statement.by, now):",
              "    if False:", "tokens:changed or whom"),
        Break("re-authentication", "if phase.gate.reauthenticate and not who.fresh(keeper.clock.now()):", "if False:",
              "matrix:asks"),
        Break("changes say which", "if statement.kind is DecisionKind.request_changes and not statement.comments:",
              "if False:", "decide:changes"),
        Break("findings block", "if statement.kind is DecisionKind.approve and blocking:", "if False:",
              "matrix:blocks"),
        Break("something to waive", "    if not blocking:", "    if False:", "matrix:clean"),
        Break("owner and reason", "waiver.owner and waiver.reason and ", "", "decide:exception"),
        Break("each rule is named", " and blocking <= set(waiver.rules))", ")", "decide:exception"),
        Break("a day to come", "    if _day(waiver.expires) <= today:", "    if False:", "decide:exception"),
        Break("what lapsed, at the decision", "    if over:", "    if False:", "revoke:over"),
    ],
    "workflow/approvers.py": [
        Break("strangers", "        if manager is None and not by_policy:", "        if False:", "matrix:void"),
        Break("signature", "        if not decision.envelope.holds(key):", "        if False:", "matrix:clean"),
        Break("approvers alone", "if principal is None or not may_approve(phase.gate, principal, "
              "escalated=escalated(dossier.gate, phase, now)):", "if principal is None:", "matrix:clean"),
        Break("delegable", "phase.gate.delegable and ", "", "delegation:alone"),
        Break("delegated", " and self.delegation(instead_of, manager.name, phase, dossier, now)", "",
              "delegation:not_given"),
        Break("delegated by them", "            and found.by == by\n", "",
              "delegation:not_given or smuggled"),
        Break("delegated to them, now", "            and found.covers(to, phase.id, now)\n", "", "delegation:window"),
        Break("a delegation ends once", "            and dossier.last_at < found.ends\n", "", "watch:revives"),
        Break("a delegation is signed", "            and envelope.holds(principal.public_key)\n", "",
              "delegation:smuggled"),
        Break("author", "if not phase.gate.author_may_approve and", "if False and", "matrix:clean"),
        Break("author by a delegate", "in (manager.name, principal.name)", "== manager.name", "delegation:started"),
        Break("author as a delegate", "in (manager.name, principal.name)", "== principal.name", "delegation:started"),
        Break("escalation comes late", "after is not None and now - gate.opened_at >= after", "after is not None",
              "watch:escalat"),
        Break("escalation comes", "*(gate.escalate_to if escalated else ())", "", "watch:escalat"),
        Break("user:NAME", "            return name == manager.name", "            return True", "quorum:names"),
        Break("group:NAME", "            return name in manager.groups", "            return True", "quorum:names"),
        Break("a card", "            return kind == manager.card", "            return True", "quorum:names"),
        Break("a proof grows old", " <= FRESH", " <= FRESH * 999", "watch:asks_again"),
        Break("a proof from days to come", "timedelta(0) <= now - proved_at", "now - proved_at",
              "watch:asks_again"),
        Break("not before its last second", "now.replace(microsecond=0) - gate.opened_at > after",
              "now - gate.opened_at > after", "watch:within_a_second or expires_once"),
    ],
    "workflow/gatekeeper.py": [
        Break("expiry, at use", "if decision is None and expired(gate, phase, self.latest(dossier)):", "if False:",
              "routes:expired"),
        Break("a clock set back", "return max(self.clock.now(), dossier.last_at)", "return self.clock.now()",
              "watch:opens_no_gate"),
        Break("the tree, at use", "if gate.commit != state[\"commit\"] or any(", "if any(", "gatekeeper:moved"),
        Break("what it showed, at use", "gone = None if reason else self.moved(dossier)", "gone = None",
              "binding:used_where"),
        Break("the branch stands still", '        if tip not in ("", gate.commit):', "        if False:",
              "decide:branch_that_moved"),
        Break("told of by an event", 'return "" if len(taken) == len(dossier.taken) else "not_recorded"', 'return ""',
              "binding:no_event"),
        Break("what lapsed, at use", "if said and said.kind.passes and lapsed(", "if False and lapsed(",
              "revoke:over"),
        Break("approvers, at use", "        reasons = [register.objection(decision, phase, dossier, now) "
              "for decision in dossier.taken]", '        reasons = [""] * len(dossier.taken)',
              "gatekeeper:removed or smuggled"),
        Break("quorum, at use", "few = approvals(counted) < phase.gate.quorum", "few = not counted", "quorum:removed"),
        Break("the policy, at use", "return reasons[-1] or self._policy_objection(dossier, gate) or",
              "return reasons[-1] or", "gatekeeper:held_against"),
        Break("a waiver that is one", "if statement.kind is DecisionKind.waive)", "if True)", "revoke:beside"),
        Break("no policy passes what blocks", '"a blocking finding stands": any(finding.blocking for finding in '
              'findings)', '"a blocking finding stands": False', "gatekeeper:over_what_blocks"),
        Break("every phase before was decided", "        all_passed(self._earlier(key), dossier.believed)\n", "",
              "stopped:half"),
    ],
    "workflow/tokens.py": [
        Break("this gate", "head, str(gate.key), gate.digest, by]", "head, gate.digest, by]", "tokens:whom"),
        Break("these bytes", "head, str(gate.key), gate.digest, by]", "head, str(gate.key), by]", "tokens:whom"),
        Break("this person", "head, str(gate.key), gate.digest, by]", "head, str(gate.key), gate.digest]",
              "tokens:whom"),
        Break("its time", " and now < ends\n", "\n", "tokens:time"),
        Break("one way to write it", "holds = one_way and ", "holds = ", "tokens:changed"),
    ],
    "workflow/segment.py": [
        Break("nothing is released without its decisions",
              "        all_passed(phases, dossier.believed)\n", "", "stopped:half"),
    ],
    "web/deciding.py": [
        Break("a session proves what it proved", "proved_at=session.proved_at", "proved_at=parts.app.clock.now()",
              "matrix:asks"),
        Break("an unlocked key proves what it proved", "proved_at=unlocked.proved_at",
              "proved_at=parts.app.clock.now()", "matrix:asks"),
        Break("unlocking asks for the passphrase", '    if not form.secret("passphrase"):\n', "    if False:\n",
              "unit/web/slack/test_page:not_filled"),
    ],
    "web/slack/door.py": [
        Break("no bot", "if user.is_bot or user.bot_id or user.id == myself.user_id:", "if False:",
              "hostile/test_slack:bot_that_clicks"),
        Break("of our workspace", "if not myself.team_id or homes != {myself.team_id}:", "if False:",
              "hostile/test_slack:another_workspace"),
        Break("their home too", 'homes = {click.team.id if click.team else "", user.team_id}',
              'homes = {click.team.id if click.team else ""}', "hostile/test_slack:another_workspace"),
        Break("mapped by phasegate.toml", "if manager.slack == user.id)", "if True)",
              "hostile/test_slack:no_approver or written or taken_out"),
        Break("unlocked for this very user", "if unlocked is None or unlocked.user != user.id:",
              "if unlocked is None:", "hostile/test_slack:another_id"),
        Break("the digest on the button", "digest=click.digest,", "digest=gate.digest,",
              "hostile/test_slack:old_digest"),
        Break("refusals are on record", "        if problem.status == 403:\n", "        if False:\n",
              "hostile/test_slack:no_approver"),
        Break("once a click", "/{click.id}\"\n", "/{id(click)}\"\n", "hostile/test_slack:comes_again"),
        Break("the card is told", "        if problem.status == 409:\n", "        if False:\n",
              "hostile/test_slack:old_digest"),
    ],
    "web/slack/route.py": [
        Break("one payload", 'if [name for name, _ in fields] != ["payload"]:', "if False:",
              "hostile/test_slack:two_payloads"),
        Break("the same receipt", "    if known.receipt is not None:\n", "    if False:\n",
              "hostile/test_slack:once_a_click"),
        Break("nothing is lost", 'if answered["status"] < 500:', "if True:", "hostile/test_slack:half_way"),
        Break("a form", '    if kind.partition(";")[0].strip().lower() != _FORM:\n', "    if False:\n",
              "hostile/test_slack:would_not_send"),
    ],
    "web/slack/workspace.py": [
        Break("answers go to Slack", "        if not self._is_slack_s(response_url):\n", "        if False:\n",
              "hostile/test_slack:no_other_address"),
        Break("no bot is unlocked for", "        if found.bot:\n", "        if False:\n",
              "hostile/test_slack:cannot_be_unlocked"),
        Break("nobody of another workspace", "if not myself.team_id or found.team_id != myself.team_id:", "if False:",
              "unit/web/slack/test_page:no_person"),
    ],
    "web/guard.py": [
        Break("that path alone", '(scope["method"], scope["path"]) == ("POST", SIGNED)', 'scope["method"] == "POST"',
              "hostile/test_slack:only_that_path"),
        Break("a post alone", '(scope["method"], scope["path"]) == ("POST", SIGNED)', 'scope["path"] == SIGNED',
              "hostile/test_slack:only_that_path"),
    ],
    "web/pages/slack.py": [
        Break("whom the page showed", 'if not id or form.text("user") != id:', "if not id:",
              "unit/web/slack/test_page:since_the_page"),
    ],
    "identity/unlocked.py": [
        Break("its time", "held.proved_at <= now < held.until", "held.proved_at <= now",
              "unit/identity/test_unlocked:lengthens_nothing"),
        Break("a clock set back", "held.proved_at <= now < held.until", "now < held.until",
              "unit/identity/test_unlocked:set_back"),
        Break("ended from anywhere", "within and await self._database.read(stands, held.mark, now) and ", "within and ",
              "unit/identity/test_unlocked:from_anywhere"),
        Break("eight hours", "        if not timedelta() < lasts <= LONGEST:\n", "        if False:\n",
              "unit/identity/test_unlocked:eight"),
    ],
    "tools/slack/cards.py": [
        Break("plain text", '"type": "plain_text", "text": cut', '"type": "mrkdwn", "text": cut',
              "unit/tools/slack/test_cards:others_wrote"),
        Break("a web address", "    if not (web and link.isascii()", "    if not (link.isascii()",
              "unit/tools/slack/test_cards:web_address"),
        Break("nothing to click once decided",
              "    buttons = _open(card.link, card.links)\n    return",
              '    buttons = asking(card, "0" * 64)[-1]["elements"]\n    return',
              "unit/tools/slack/test_cards:no_buttons"),
    ],
    "web/api/gates.py": [
        Break("a signature is as old as its token", "credentials(token, given_at(body.token))",
              "credentials(token, parts.app.clock.now())", "matrix:asks"),
    ],
    "workflow/revoke.py": [
        Break("who takes back", "    is_person(keeper, who, revocation.by)\n", "", "revoke:another_said"),
        Break("who delegates", "    is_person(keeper, who, delegation.by)\n", "", "delegation:cannot_be"),
        Break("who ends it", "    is_person(keeper, who, by)\n", "", "delegation:only_who"),
        Break("by their own key", "    if manager is None or not envelope.holds(manager.public_key):",
              "    if False:", "revoke:another_said"),
        Break("to a manager", "if delegation.to not in keeper.managers() or delegation.to == delegation.by:",
              "if delegation.to == delegation.by:", "delegation:cannot_be"),
        Break("to another", " or delegation.to == delegation.by:", ":", "delegation:cannot_be"),
        Break("a window", "    if delegation.ends <= max(delegation.begins, keeper.clock.now()):", "    if False:",
              "delegation:cannot_be"),
        Break("a gate that there is", "    if unknown:", "    if False:", "delegation:cannot_be"),
        Break("re-authentication, taken back", "    _proved(keeper, who, [revocation.gate.phase])\n", "",
              "revoke:asks_who"),
        Break("re-authentication, delegated", "    _proved(keeper, who, delegation.gates or keeper.flow.phase_ids)\n",
              "", "delegation:asks_who"),
    ],
    "workflow/watch.py": [
        Break("the watch closes", "        if expired(gate, phase, now):", "        if False:", "watch:expires_once"),
        Break("one for each span", '{age // every}"', '{age}"', "watch:reminder_comes"),
        Break("not too early", "every and age >= every and ", "every and ", "watch:reminder_comes"),
        Break("escalated in time", "    if escalated(gate, phase, now) and", "    if phase.gate.escalate_after and",
              "watch:escalates_once"),
    ],
    "ledger/ledger.py": [
        Break("compare and set", "                or gate.status is not GateStatus.open\n", "",
              "quorum:too_late"),
        Break("one word each", "                or any(d.statement.by == statement.by for d in before)\n", "",
              "quorum:said_it_late"),
        Break("a token is used once", "            if not rows.use_token(connection, statement.token, key, now):",
              "            if False:", "tokens:used_once"),
        Break("quorum", "if statement.kind.passes and approvals([*before, decision]) < needed:", "if False:",
              "quorum:two_have"),
        Break("one objection is enough", "if statement.kind.passes and approvals(", "if approvals(",
              "quorum:objection"),
        Break("void, and nothing to take back", "gate.status is GateStatus.void or not rows.revoke(",
              "not rows.revoke(", "revoke:needs_no"),
        Break("used when decided", "                if dossier.decision:\n                    rows.consume(",
              "                if True:\n                    rows.consume(", "quorum:taken_back"),
    ],
    "ledger/rows.py": [
        Break("used, and not taken back", "decisions.c.consumed_at.is_(None), decisions.c.revoked_at.is_(None))\n"
              "    .values(revoked_at", "decisions.c.revoked_at.is_(None))\n    .values(revoked_at",
              "revoke:used_is_not"),
    ],
    "ledger/standing.py": [
        Break("an end is an end", "sa.select(table).where(table.c.revoked_at.is_(None))", "sa.select(table)",
              "delegation:begin_again"),
    ],
    "ledger/evidence.py": [
        Break("each event is signed", "            if not self._key.verifies(",
              "            if False and not self._key.verifies(",
              "binding:evidence"),
        Break("each follows from the one before", " or _loose(rows, digests)", "", "binding:evidence"),
    ],
    "ledger/agreement.py": [
        Break("the run's row", "if name in event.body and event.body[name] != getattr(run, name):", "if False:",
              "binding:evidence"),
        Break("void is void", "if gate is None or gate.status is not GateStatus.void:", "if False:", "binding:undone"),
        Break("what was taken stays", 'if event.body.get("statement") not in stored:', "if False:", "binding:undone"),
        Break("taken back stays so", "if any(one.statement.gate == key and",
              "if False and any(one.statement.gate == key and",
              "binding:undone"),
    ],
    "ledger/records.py": [
        Break("one right, one voice", " and decision.statement.principal not in principals", "",
              "delegation:one_in_a_quorum"),
        Break("one key, one voice", "keys.add(decision.key_id)", 'keys.add(f"{decision.key_id}/{len(keys)}")',
              "binding:one_key"),
        Break("to this person", "self.to == name and ", "", "delegation:not_given"),
        Break("not before the window", "self.begins <= now < self.ends", "now < self.ends", "delegation:window"),
        Break("not after the window", "self.begins <= now < self.ends", "self.begins <= now", "delegation:window"),
        Break("at these gates", " and phase in (self.gates or (phase,))", "", "delegation:names"),
        Break("what went on with a waiver", "if last[decision.statement.gate].passes)", "if True)",
              "revoke:sent_back"),
        Break("what was used of a waiver", "for decision in self.decisions if decision.consumed]",
              "for decision in self.decisions]", "revoke:awaited"),
    ],
}  # fmt: skip
COUNT = 131


def test_the_rules_are_counted() -> None:
    names = [(file, each.rule) for file, rules in RULES.items() for each in rules]
    assert len(names) == len(set(names)) == COUNT


@pytest.mark.slow
@pytest.mark.parametrize("file", RULES)
def test_each_rule_that_is_taken_out_turns_its_tests_red(tmp_path: Path, file: str) -> None:
    rules, text = RULES[file], (PACKAGE / file).read_text()
    assert [each.rule for each in rules if text.count(each.was) != 1] == []
    edited = [text.replace(each.was, each.becomes) for each in rules]
    codes = _run([(_linked(tmp_path / str(n), file, one), rules[n].tests) for n, one in enumerate(edited)])
    answers = dict(zip((each.rule for each in rules), codes, strict=True))
    assert {rule: code for rule, code in answers.items() if code != pytest.ExitCode.TESTS_FAILED} == {}


@pytest.mark.slow
def test_a_copy_with_nothing_taken_out_stays_green(tmp_path: Path) -> None:
    file = "workflow/decide.py"
    copy = _linked(tmp_path / "copy", file, (PACKAGE / file).read_text())
    assert _run([(copy, "matrix:void"), (copy, "decide:exception")]) == [pytest.ExitCode.OK] * 2


def _linked(copy: Path, file: str, text: str) -> Path:
    """The package as links, but for that file."""
    top, place = copy / "phasegate", Path()
    for step in Path(file).parts:
        (top / place).mkdir(parents=True)
        for entry in (PACKAGE / place).iterdir():
            if entry.name not in (step, "__pycache__"):
                (top / place / entry.name).symlink_to(entry)
        place /= step
    (top / file).write_text(text)
    return copy


def _run(wanted: Sequence[tuple[Path, str]]) -> list[int]:
    """The exit code of the tests named, on each copy."""
    work = [(str(copy), _words(tests)) for copy, tests in wanted]
    command = [sys.executable, str(TESTS / "forks.py")]
    environment = os.environ | {"PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        command, input=json.dumps(work), cwd=TOP, env=environment, stdout=subprocess.PIPE, text=True, check=True
    )
    return [int(line) for line in done.stdout.split()]


def _words(tests: str) -> list[str]:
    module, _, which = tests.partition(":")
    plugins = "ignore::pytest.PytestAssertRewriteWarning"  # some are loaded before pytest asks for them
    path = f"{TOP}/tests/{module}.py" if "/" in module else f"{TESTS}/test_{module}.py"
    return ["-x", "-W", plugins, "-p", "no:cacheprovider", path, "-k", which]
