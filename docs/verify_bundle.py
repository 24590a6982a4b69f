"""Verifies a bundle of Phasegate with nothing but `cryptography`: a second reading of docs/provenance.md, on its own.

python verify_bundle.py BUNDLE --root FINGERPRINT [--allow-policy] [WHEEL …]
python verify_bundle.py BUNDLE --manager NAME=KEY [--manager …] [--manager-key KEY] [--allow-policy] [WHEEL …]

A fingerprint is SHA-256 of the repository's first root, as a manager tells it.
A key is base64, or a file that holds it; one that is given without a name counts for one person, whatever it writes.
"""

import argparse
import base64
import hashlib
import json
import sys
import zipfile
from collections import deque
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

STATEMENT, EVENT = "application/vnd.in-toto+json", "application/vnd.phasegate.event+json"
SECURITY = "sk-ssh-ed25519@openssh.com"
LIMIT = 64 * 1024 * 1024
ROOT = {"version", "repository", "before", "at", "settings", "files", "phases", "rules", "system"}
SAID = {"_type", "subject", "predicateType", "predicate"}
IN_TOTO, PREDICATE = "https://in-toto.io/Statement/v1", "https://phasegate.dev/{}/v1"


def must(holds, what):
    if not holds:
        raise ValueError(what)


def once(pairs):
    must(len(dict(pairs)) == len(pairs), "a key stands twice")
    return dict(pairs)


def plain(content):
    """JSON that has one reading: UTF-8, no key twice, no number that is none."""
    return json.loads(
        content.decode(), object_pairs_hook=once, parse_constant=lambda text: must(False, f"a number {text}")
    )


def canonical(value):
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def sha256(content):
    return hashlib.sha256(content).hexdigest()


def git(kind, content):
    return hashlib.sha1(f"{kind} {len(content)}\0".encode() + content, usedforsecurity=False).hexdigest()


def only(line, name):
    must(set(line) == {name}, f"a line with {name} was expected")
    return line[name]


def enveloped(kind, payload):
    """The bytes that a signature in DSSE's envelope is of."""
    return b"DSSEv1 %d %s %d %s" % (len(kind), kind.encode(), len(payload), payload)


def holds(key, signature, message):
    """Whether the key, or nobody's, signed the message."""
    try:
        return key is not None and key.verify(base64.b64decode(signature, validate=True), message) is None
    except InvalidSignature:
        return False


def opened(envelope, kind, keys, what):
    """The payload of an envelope that one of these keys signed, and its digest."""
    must(set(envelope) == {"payload", "payloadType", "signatures"} and len(envelope["signatures"]) == 1, what)
    (signature,), payload = envelope["signatures"], base64.b64decode(envelope["payload"], validate=True)
    must(set(signature) == {"keyid", "sig"} and envelope["payloadType"] == kind and signature["keyid"] in keys, what)
    must(holds(keys[signature["keyid"]], signature["sig"], enveloped(kind, payload)), what)
    return plain(payload), sha256(payload)


def statement(envelope, name, keys, what):
    said, digest = opened(envelope, STATEMENT, keys, what)
    must((said["_type"], said["predicateType"]) == (IN_TOTO, PREDICATE.format(name)), what)
    return said["subject"], said["predicate"], digest


def roots(envelopes, fingerprint):
    """The versions of the root by digest, in order: each signed by those who could make it from the one before."""
    versions, before, judge = {}, ("", None), None
    for number, envelope in enumerate(envelopes, start=1):
        what = f"version {number} of the root does not hold"
        must(set(envelope) == {"payload", "payloadType", "signatures"} and envelope["payloadType"] == STATEMENT, what)
        must(all(set(each) == {"keyid", "sig"} for each in envelope["signatures"]), what)
        payload = base64.b64decode(envelope["payload"], validate=True)
        said, digest = plain(payload), sha256(payload)
        root, subject = said["predicate"], said["subject"]
        must((said["_type"], said["predicateType"]) == (IN_TOTO, PREDICATE.format("trust-root")), what)
        must(canonical(said) == payload and set(root) == ROOT and set(said) == SAID, what)
        must(subject == [{"digest": {"sha256": sha256(canonical(root))}, "name": f"roots/{number}"}], what)
        must(
            (root["version"], root["before"], root["repository"])
            == (number, before[0], before[1] or root["repository"]),
            what,
        )
        nobody = bool(root["settings"]["demo"]) and not root["settings"]["managers"]
        must(1 <= root["settings"]["trust.threshold"] <= max(len(named(root)), nobody), what)
        rows = named(root)
        must(len({public(key)[0] for _, key in rows}) == len({name for name, _ in rows}) == len(rows), what)
        # The first version of a demonstration without a manager is signed by the system, and nothing can follow it.
        judge = judge or root
        texts = root["system"] if nobody and number == 1 else [key for _, key in named(judge)]
        keys = {sha256(raw): key for raw, key in map(public, texts)}
        message = enveloped(STATEMENT, payload)
        signed = {one["keyid"] for one in envelope["signatures"] if holds(keys.get(one["keyid"]), one["sig"], message)}
        must(
            len(signed) >= judge["settings"]["trust.threshold"], f"version {number} of the root has too few signatures"
        )
        versions[digest], before, judge = root, (digest, root["repository"]), root
    must(not fingerprint or next(iter(versions), "") == fingerprint, "the root of trust is another")
    return versions


def named(root):
    return [(row["name"], row["public_key"]) for row in root["settings"]["managers"]]


def counted(binds, versions, people):
    """The people whose signature counts at a gate: whom its root names, and where keys were given, of those."""
    root = versions.get(binds.get("root"))
    if root is None:
        return people or {}
    own = known(named(root))
    return own if people is None else {key: own[key] for key in own if people.get(key, (None,))[0] in ("", own[key][0])}


def opened_under(event, versions, before, people, system, fingerprint):
    """Hold that a gate was opened as its root says, and not under an older one than the gate before it."""
    binds, what = event["body"]["binds"], f"gate {event['key'][5:]} was not opened as its root says"
    if not binds.get("root"):
        must(people is not None and not fingerprint, f"{what}: none is bound to it")
        return
    must(binds["root"] in versions, f"{what}: it is not in the bundle")
    order, root = list(versions), versions[binds["root"]]
    must(before not in order or order.index(before) <= order.index(binds["root"]), f"{what}: it is an older one")
    rules = root["rules"].get(event["key"][5:].split("/")[0])
    must(system in root["system"] and rules is not None and event["body"]["rules"] == rules, what)
    must((binds["quorum"], binds["phases"]) == (rules["quorum"], root["phases"]), what)
    must({*binds["approvers"].items(), *binds["delegates"].items()} <= set(named(root)), what)


def started(event, run, versions, people):
    """Hold that whoever is said to have started the run has that key by a root, and signed it where they say so."""
    told, begun = event["body"].get("starter") or {}, event["body"]
    if not (told.get("key") or told.get("envelope")):
        return
    rows = [row for root in versions.values() for row in named(root)]
    own = {sha256(raw): key for name, (raw, key) in ((n, public(k)) for n, k in rows) if name == told["name"]}
    own = own if versions else {key: found for key, (name, found) in (people or {}).items() if name == told["name"]}
    must(told["key"] in own, "the run was started with a key that is not the starter's")
    if told.get("envelope"):
        what = f"{told['name']} did not sign that they started the run"
        subject, said, _ = statement(told["envelope"], "run-start", {told["key"]: own[told["key"]]}, what)
        must(subject == [{"name": run, "digest": {"gitCommit": begun["base"]}}], what)
        must((said["run"], said["spec"], said["by"]) == (run, begun["spec"], told["name"]), what)


def tree_of(files):
    rows, below = [], {}
    for mode, path, blob in files:
        name, _, rest = path.partition("/")
        if rest:
            below.setdefault(name, []).append((mode, rest, blob))
        else:
            rows.append((name, f"{mode} {name}\0".encode() + bytes.fromhex(blob)))
    for name, inside in below.items():
        rows.append((f"{name}/", f"40000 {name}\0".encode() + bytes.fromhex(tree_of(inside))))
    return git("tree", b"".join(row for _, row in sorted(rows, key=lambda row: row[0].encode())))


def chain(lines, run, system):
    """The events, each with the digest of the decision that follows it."""
    events, before = [], ""
    while lines and "head" not in lines[0]:
        event, digest = opened(only(lines.popleft(), "event"), EVENT, system, f"event {len(events) + 1} is not signed")
        must(event["version"] == 1, f"event {len(events) + 1} is of a version that this does not read")
        must((event["run"], event["seq"], event["before"]) == (run, len(events) + 1, before), "events are not in order")
        follows = lines[0] if lines else {}
        event["envelope"] = only(lines.popleft(), "decision") if "decision" in follows else None
        event["digest"] = digest
        events.append(event)
        before = digest
    must(events and lines, "the bundle was cut off")
    subject, head, _ = statement(only(lines.popleft(), "head"), "run-ledger", system, "the head is not signed")
    must(subject == [{"name": run, "digest": {"sha256": before}}], "the head names another end")
    ends = [event["body"]["status"] for event in events if event["key"] == "end"]
    must((head["run"], head["events"]) == (run, len(events)), "the head names another end")
    must(head["status"] in (ends or ("working", "waiting", "parked")), "the head names another status")
    return events, head["status"]


def delegated(event, said, people):
    """Somebody decided in another's right: that one's key signed it, for this person, gate and time."""
    of, keys = said["instead_of"], {key: found for key, (name, found) in people.items() if name == said["instead_of"]}
    what = f"{said['by']} decided for {of}, whose key signed no delegation of it"
    must(event["body"].get("delegation"), what)
    _, given, _ = statement(event["body"]["delegation"], "delegation", keys, what)
    (begins, ends), gates = given["window"], given["gates"]
    must((given["by"], given["to"]) == (of, said["by"]) and begins <= event["at"] < ends and said["at"] < ends, what)
    must(not gates or event["key"][9:].split("/")[0] in gates, what)


def decided(event, binds, people, system, policies, numbers):
    """Digest, key and principal of what was signed at a gate."""
    body, by = event["body"], event["key"].split("/", 2)[-1]
    policy = by.startswith("policy:")
    must(policies or not policy, f"{binds['gate']} was passed by a policy, not by a person")
    managers = {key: found for key, (_, found) in people.items()}
    subject, said, digest = statement(event["envelope"], "gate-approval", system if policy else managers, binds["gate"])
    shown = sha256(canonical(binds))
    bound = [{"name": binds["gate"], "digest": {"sha256": shown, "gitTree": binds["tree"]}}]
    same = (said["gate"], said["by"], said["decision"]) == (binds["gate"], by, body["decision"])
    must(same and subject == bound, f"{binds['gate']}: what was signed is about something else")
    key = event["envelope"]["signatures"][0]["keyid"]
    if not policy:
        people[key] = people[key][0] or said["by"], people[key][1]  # a key without a name has the first that it writes
        must(people[key][0] == said["by"], f"{binds['gate']}: '{said['by']}' did not sign it, '{people[key][0]}' did")
    if said.get("instead_of"):
        delegated(event, said, people)
    if binds.get("root") and not event["rules"].get("author_may_approve", True):
        starter, principal = event["starter"], said.get("instead_of", "")
        keys = {key, *(one for one, (name, _) in people.items() if principal and name == principal)}
        must(starter, f"{binds['gate']}: nobody is known to have started the run, and whoever did may not decide")
        must(starter["name"] not in (by, principal) and starter.get("key") not in keys, "whoever started it decided")
    signed_at, opened_at = numbers.get(said.get("head"), event["seq"]), numbers.get(binds["before"], 0)
    must(policy or not said.get("head") or signed_at < event["seq"], f"{binds['gate']}: it was signed on other events")
    event["covers"] = 0 if policy else max(opened_at, signed_at if said.get("head") else 0)
    return digest, key, said.get("instead_of") or said["by"], policy


def several(signed):
    """How many people these are: neither a key nor a principal counts twice."""
    keys, principals = set(), set()
    for _, key, principal, _ in signed:
        if key not in keys and principal not in principals:
            keys, principals = keys | {key}, principals | {principal}
    return len(keys)


def gates(events, run, versions, people, system, policies, fingerprint):
    """What each phase's passed gate is bound to, what was signed there, and with which event it was passed."""
    numbers = {event["digest"]: event["seq"] for event in events}
    for event in events:
        told = event["body"].get("statement") if event["key"].startswith("decision:") else None
        signed = event["envelope"] and sha256(base64.b64decode(event["envelope"]["payload"]))
        must(signed == told, f"event {event['seq']} and its decision do not belong together")
    opening = [event for event in events if event["key"].startswith("gate:")]
    binds = {event["key"][5:]: event["body"]["binds"] for event in opening}
    rules = {event["key"][5:]: event["body"]["rules"] for event in opening}
    starter = next((event["body"].get("starter") for event in events if event["key"] == "run"), None)
    for event in events:
        if event["envelope"]:
            place = "/".join(event["key"][9:].split("/")[:2])
            who = counted(binds[place], versions, people)
            event["starter"], event["rules"] = starter, rules[place]
            event["signed"] = decided(event, binds[place], who, system, policies, numbers)
    phases = opening[-1]["body"]["binds"]["phases"] if opening else []
    passed, (own,) = {}, (base64.b64encode(system[key].public_bytes_raw()).decode() for key in system)
    for event, earlier in zip(opening, [None, *opening], strict=False):
        place, binds, before = (
            event["key"][5:],
            event["body"]["binds"],
            earlier and earlier["body"]["binds"].get("root"),
        )
        told = [e for e in events if e["key"].startswith(f"decision:{place}/")]
        passing = [e for e in told if e["body"]["decision"] in ("approve", "waive")]
        if any(e["key"] == f"void:{place}" for e in events) or not passing or len(passing) < len(told):
            continue
        must((binds["gate"], binds["phases"]) == (f"{run}/{place}", phases), f"{place}: the gate is another's")
        must(binds["before"] == event["before"] and binds["system"] in system, f"{place}: opened on other events")
        opened_under(event, versions, before, people, own, fingerprint)
        signed = [e["signed"] for e in passing]
        if any(policy for *_, policy in signed) or several(signed) >= binds["quorum"]:
            passed[place.split("/")[0]] = binds, [digest for digest, *_ in signed], max(e["seq"] for e in passing)
    for number, phase in enumerate(p for p in phases if p in passed):
        must(phases[number] == phase, f"gate '{phases[number]}' was left out")
        before = [digest for earlier in phases[:number] for digest in passed[earlier][1]]
        must(passed[phase][0]["upstream"] == before, f"gate '{phase}' was decided on other decisions before it")
    return phases, passed


def released(lines, events, last, wheels):
    tree, place = last["tree"], last["gate"].partition("/")[2]
    listing, built = lines.popleft(), lines.popleft()
    must(set(listing) == {"tree", "files"} and set(built) == {"built", "content"}, "the bundle was cut off")
    must(listing["tree"] == tree == tree_of(listing["files"]), "the files are not those that were approved")
    blobs, content = {path: blob for _, path, blob in listing["files"]}, base64.b64decode(built["content"])
    must(blobs.get(built["built"]) == git("blob", content), "what was built is not named in that tree")
    tests = [e["body"] for e in events if e["key"].startswith(f"check:{place}/") and e["key"].endswith("/tests-pass")]
    must(tests and tests[-1]["tree"] == tree and not tests[-1].get("findings"), "the tests did not pass for that tree")
    for wheel in wheels:
        must(plain(content).get(wheel.name) == sha256(wheel.read_bytes()), f"{wheel.name} was not approved")
        for name in zipfile.ZipFile(wheel).namelist() if wheel.suffix == ".whl" else ():
            made = name.partition("/")[0].endswith(".dist-info")
            same = made or blobs.get(f"src/{name}") == git("blob", zipfile.ZipFile(wheel).read(name))
            must(same, f"{name} is not from the approved tree")


class SecurityKey:
    """A key of a FIDO2 device, as OpenSSH has it: it signs after a touch, and the signature says so."""

    def __init__(self, blob):
        parts = []
        while blob:
            size = int.from_bytes(blob[:4], "big")
            parts, blob = [*parts, blob[4 : 4 + size]], blob[4 + size :]
        must(len(parts) == 3 and parts[0] == SECURITY.encode() and parts[2].startswith(b"ssh:"), "this is no key")
        self.key, self.application = Ed25519PublicKey.from_public_bytes(parts[1]), parts[2]

    def verify(self, signature, message):
        """Raise InvalidSignature unless the device signed the message after a touch."""
        if len(signature) != 69 or not signature[64] & 1:
            raise InvalidSignature
        of, what = hashlib.sha256(self.application).digest(), hashlib.sha256(message).digest()
        self.key.verify(signature[:64], of + signature[64:] + what)


def public(text):
    """The bytes that a key's id is of, and the key."""
    kind, _, rest = text.rpartition(" ")
    must(kind in ("", SECURITY), "this is no key")
    raw = base64.b64decode(rest, validate=True)
    return raw, SecurityKey(raw) if kind else Ed25519PublicKey.from_public_bytes(raw)


def known(given):
    """Name and key by the key's id."""
    people = {}
    for name, text in given:
        file = Path(text) if len(text) < 256 else None
        raw, key = public(file.read_text("utf-8").strip() if file and file.is_file() else text)
        must(people.get(sha256(raw), (name,))[0] == name, "one key was given for two people")
        people[sha256(raw)] = name, key
    return people


def verify(content, keys, wheels=(), policies=False, fingerprint=""):
    """Where the run is, and what was passed; raises ValueError, or whatever a line that cannot be read raises.

    Keys are pairs of name and key; an empty name is of a key that nobody named. None: those count whom the root names.
    A gate of a run under way counts as passed once a manager signed what came after it: else that may be missing.
    """
    must(len(content) <= LIMIT, "the bundle is too large")
    lines = deque(plain(line) for line in content.splitlines())
    must(all(isinstance(line, dict) for line in lines) and lines, "this is no bundle")
    header = lines.popleft()
    must(
        set(header) == {"bundle", "run", "system"} and header["bundle"] in ("phasegate/v1", "phasegate/v2"), "no bundle"
    )
    versions = roots(only(lines.popleft(), "roots"), fingerprint) if header["bundle"] == "phasegate/v2" else {}
    must(versions or not fingerprint, "the bundle has no root of trust")
    people = None if keys is None else known(keys)
    own = base64.b64decode(header["system"], validate=True)
    system = {sha256(own): Ed25519PublicKey.from_public_bytes(own)}
    events, status = chain(lines, header["run"], system)
    began = [(event["body"].get("terms") or {}).get("root", "") for event in events if event["key"] == "run"]
    must(all(root in ("", next(iter(versions), "")) for root in began), "the run began under another root")
    for event in events:
        if event["key"] == "run":
            started(event, header["run"], versions, people)
    phases, passed = gates(events, header["run"], versions, people, system, policies, fingerprint)
    covered = max((event["covers"] for event in events if event["envelope"]), default=0)
    must(status != "released" or len(passed) == len(phases), "it was released, and a gate was not passed")
    if phases and phases[-1] in passed:
        released(lines, events, passed[phases[-1]][0], wheels)
    must(not lines, "something stands after the end")
    settled = [phase for phase in passed if status == "released" or passed[phase][2] <= covered]
    return header["run"], status, settled


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("wheels", type=Path, nargs="*")
    parser.add_argument("--manager", action="append", default=[], metavar="NAME=KEY")
    parser.add_argument("--manager-key", action="append", default=[], metavar="KEY")
    parser.add_argument("--root", default="", metavar="FINGERPRINT")
    parser.add_argument("--allow-policy", action="store_true")
    given = parser.parse_args()
    try:
        with given.bundle.open("rb") as file:
            content = file.read(LIMIT + 1)
        must(all("=" in named for named in given.manager), "write --manager NAME=KEY")
        keys = [tuple(named.split("=", 1)) for named in given.manager] + [("", key) for key in given.manager_key]
        root = given.root.removeprefix("SHA256:").lower()
        run, status, passed = verify(
            content, keys if keys or not root else None, given.wheels, given.allow_policy, root
        )
    except (ValueError, OSError) as error:
        sys.exit(f"does not hold: {error}")
    except Exception as error:
        sys.exit(f"does not hold: this is no bundle, or not a whole one ({type(error).__name__}: {error})")
    print(f"run {run} is {status}; gates passed: {', '.join(passed) or 'none'}; everything holds")
