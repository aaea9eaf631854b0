#!/usr/bin/python3
"""A second verifier of evidence bundles and journals, written from docs/format/ alone; it shares no code with Holdfast.

evidence_reader.py verify BUNDLE [KEY]     prints events, run and state; fails with what does not hold
evidence_reader.py flips BUNDLE            one bit of each byte flipped, one byte after the other: none may verify
evidence_reader.py forge BUNDLE DIR        bundles with an event dropped, moved or changed and so on, their sums mended: in DIR
evidence_reader.py journal FOLDER          reads segments and frames, and holds the signed checkpoint against their root
evidence_reader.py notes DOCUMENT FOLDER   every figure's note names an event that is in the journal, of that run and time
"""
import base64
import hashlib
import json
import re
import struct
import sys
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

FILES = ["bundle.json", "events.jsonl", "proofs.jsonl", "checkpoint", "key.pub", "controls.json", "plan", "SHA256SUMS"]


class Damage(Exception):
    """What the format pages call damage."""


def must(condition, what):
    if not condition:
        raise Damage(what)


def sha(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


# ---- the tree: RFC 6962, section 2.1

def leaf_hash(leaf):
    return sha(b"\0", leaf)


def node(left, right):
    return sha(b"\1", left, right)


def root_of(hashes):
    if not hashes:
        return sha()
    level = list(hashes)
    while len(level) > 1:  # pairs from the left; an odd one goes up as it is, which gives the RFC's tree
        level = [node(*level[i:i + 2]) if i + 1 < len(level) else level[i] for i in range(0, len(level), 2)]
    return level[0]


def root_through(leaf, index, size, path):
    """The root that an inclusion proof leads to: RFC 9162, section 2.1.3.2, which is the same tree."""
    must(index < size, "an event's number is past the checkpoint")
    fn, sn, at = index, size - 1, leaf
    for step in path:
        must(sn > 0, "a proof is too long")
        if fn & 1 or fn == sn:
            at = node(step, at)
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            at = node(at, step)
        fn, sn = fn >> 1, sn >> 1
    must(sn == 0, "a proof is too short")
    return at


# ---- signed notes

def key_id(name, key):
    return sha(name.encode(), b"\n\x01", key)[:4]


def verifier_key(name, key):
    return "%s+%s+%s" % (name, key_id(name, key).hex(), base64.b64encode(b"\1" + key).decode())


def peek(note):
    text, blank, signatures = note.partition(b"\n\n")
    must(blank and signatures.endswith(b"\n"), "the checkpoint is no signed note")
    lines = (text + b"\n").decode().split("\n")
    must(len(lines) == 4 and lines[3] == "" and re.fullmatch("0|[1-9][0-9]*", lines[1]), "the checkpoint has not three lines")
    root = base64.b64decode(lines[2], validate=True)
    must(len(root) == 32 and base64.b64encode(root).decode() == lines[2], "the checkpoint's root is not 32 bytes")
    return {"origin": lines[0], "size": int(lines[1]), "root": root, "text": text + b"\n", "signatures": signatures}


def check_signature(checkpoint, origin, key):
    must(checkpoint["origin"] == origin, "the checkpoint is of another journal")
    seen = False
    for line in checkpoint["signatures"].decode().split("\n")[:-1]:
        match = re.fullmatch("\u2014 ([^ ]+) ([A-Za-z0-9+/=]+)", line)
        must(match, "a signature line is not one")
        raw = base64.b64decode(match.group(2), validate=True)
        must(base64.b64encode(raw).decode() == match.group(2), "a signature has free bits")
        if match.group(1) != origin or raw[:4] != key_id(origin, key):
            continue
        Ed25519PublicKey.from_public_bytes(key).verify(raw[4:], checkpoint["text"])
        seen = True
    must(seen, "nobody whom the journal names signed the checkpoint")


# ---- events and keys

def canonical(value):
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def parse(line, what):
    value = json.loads(line.decode())
    must(canonical(value) == line, what + " is not canonical JSON")
    return value


def key_for(events, size):
    """The key that signs a checkpoint over `size` events, from (number, event) of event 0 and the successions."""
    opened = events[0][1]
    must(events[0][0] == 0 and opened["type"] == "journal.opened", "event 0 does not open a journal")
    body = opened["body"]
    first = key = newest = base64.b64decode(body["public_key"])
    for number, event in events:
        if event["type"] != "key.succession":
            continue
        s = event["body"]
        by = {"previous": base64.b64encode(newest).decode(), "recovery": body.get("recovery_key", "")}.get(s["signer_role"], "")
        must(s["origin"] == body["origin"] and by and s["signed_by"] == by, "a key succession has no right to be")
        text = "holdfast key succession v1\n%s\n%s\n" % (s["origin"], s["new_key"])
        Ed25519PublicKey.from_public_bytes(base64.b64decode(by)).verify(base64.b64decode(s["signature"]), text.encode())
        newest = base64.b64decode(s["new_key"])
        if number < size:
            key = newest
    return body["origin"], first, key


# ---- bundles

def pack(files):
    out = b""
    for name, content in files:
        head = bytearray(512)
        head[0:len(name)] = name.encode()
        head[100:108], head[108:116], head[116:124] = b"0000644\0", b"0000000\0", b"0000000\0"
        head[124:136], head[136:148], head[148:156] = b"%011o\0" % len(content), b"00000000000\0", b"        "
        head[156:157], head[257:265] = b"0", b"ustar\x0000"
        head[148:156] = b"%06o\0 " % sum(head)
        out += bytes(head) + content + bytes(-len(content) % 512)
    return out + bytes(1024)


def unpack(data):
    files, at = [], 0
    while at + 512 <= len(data) and data[at] != 0:
        name = data[at:at + 100].split(b"\0")[0].decode()
        size = int(data[at + 124:at + 135], 8)
        files.append((name, data[at + 512:at + 512 + size]))
        at += 512 + size + -size % 512
    must(pack(files) == data, "the container has another form than it should")
    return files


def sums_of(files):
    return b"".join(b"%s  %s\n" % (hashlib.sha256(c).hexdigest().encode(), n.encode()) for n, c in files if n != "SHA256SUMS")


def lines_of(data):
    must(data.endswith(b"\n"), "a list of lines does not end in a newline")
    return data[:-1].split(b"\n")


def about_run(events, run, checkpoint):
    """bundle.json, made again."""
    out = {"format": "holdfast-evidence", "version": 1, "journal": checkpoint["origin"], "run": run, "events": len(events),
           "state": "running", "checkpoint_size": checkpoint["size"], "checkpoint_root": checkpoint["root"].hex(),
           "measurements": [], "first_event": None, "last_event": None}
    for number, event in events:
        if event.get("run") != run:
            continue
        body = event["body"]
        out["first_event"] = number if out["first_event"] is None else out["first_event"]
        out["last_event"] = number
        if event["type"] == "run.started":
            for name in ("kind", "runbook", "component", "source_region", "target_region", "class", "plan_hash"):
                if name in body:
                    out[name] = body[name]
            out["started_at"] = event["time"]
        elif event["type"] == "run.finished":
            out.update(state=body["state"], verdict=body["verdict"], finished_at=event["time"])
        elif event["type"] == "measurement":
            out["measurements"].append(dict(body, event=number))
    return out


def verify(data, expected=None):
    files = unpack(data)
    names = [n for n, _ in files]
    must(names in (FILES, [n for n in FILES if n != "plan"]), "the files are not those of a bundle: %s" % names)
    files = dict(files)
    must(files["SHA256SUMS"] == sums_of(list(files.items())), "a sum does not match")
    checkpoint = peek(files["checkpoint"])
    leaves, proofs = lines_of(files["events.jsonl"]), lines_of(files["proofs.jsonl"])
    must(len(leaves) == len(proofs), "there is not one proof for each event")
    events = []
    for leaf, line in zip(leaves, proofs):
        proof = parse(line, "a proof")
        must(sorted(proof) == ["path", "seq"], "a proof has other members")
        path = [bytes.fromhex(h) for h in proof["path"]]
        must(not events or proof["seq"] > events[-1][0], "numbers do not ascend")
        must(root_through(leaf_hash(leaf), proof["seq"], checkpoint["size"], path) == checkpoint["root"],
             "event %d is not the one that the checkpoint covers" % proof["seq"])
        events.append((proof["seq"], parse(leaf, "an event")))
    origin, first, key = key_for(events, checkpoint["size"])
    check_signature(checkpoint, origin, key)
    must(files["key.pub"].decode() == verifier_key(origin, key) + "\n", "key.pub is another key")
    if expected:
        must(expected in (verifier_key(origin, first), verifier_key(origin, key)), "it is not the journal that was expected")
    about = parse(files["bundle.json"][:-1], "bundle.json")
    run = about["run"]
    of_run = [n for n, e in events if run and e.get("run") == run]
    must(of_run, "no event of the run is there")
    inside = [n for n, _ in events if of_run[0] <= n <= of_run[-1]]
    must(inside == list(range(of_run[0], of_run[-1] + 1)), "an event of the run's time is left out")
    must(all(n == 0 or e["type"] == "key.succession" for n, e in events if n not in inside), "an event is outside the run")
    must(canonical(about_run(events, run, checkpoint)) + b"\n" == files["bundle.json"], "bundle.json says something else")
    if "plan" in files:
        must(hashlib.sha256(files["plan"]).hexdigest() == about["plan_hash"], "it is not the plan of the run")
    controls = parse(files["controls.json"][:-1], "controls.json")
    known = {n for n, _ in events}
    must(all(set(c["events"]) <= known for c in controls["controls"]), "controls.json names events that are not there")
    return len(events), run, about["state"]


def holds(data, expected=None):
    try:
        return verify(data, expected)
    except (Damage, InvalidSignature, ValueError, KeyError, TypeError, IndexError, AttributeError):
        return None


def flips(data):
    must(holds(data), "the bundle does not verify as it is")
    for i in range(len(data)):
        other = bytearray(data)
        other[i] ^= 1 << i % 8
        must(not holds(bytes(other)), "byte %d may be changed" % i)
    return len(data)


def forge(data, folder):
    files = dict(unpack(data))
    leaves, proofs = lines_of(files["events.jsonl"]), lines_of(files["proofs.jsonl"])
    middle = len(leaves) // 2
    checkpoint = files["checkpoint"].decode().split("\n")

    def without(lines, i):
        return b"".join(line + b"\n" for line in lines[:i] + lines[i + 1:])

    def swapped(lines):
        lines = list(lines)
        lines[middle - 1], lines[middle] = lines[middle], lines[middle - 1]
        return b"".join(line + b"\n" for line in lines)

    larger = "\n".join([checkpoint[0], str(int(checkpoint[1]) + 1)] + checkpoint[2:])
    other_root = "\n".join(checkpoint[:2] + [base64.b64encode(sha(b"x")).decode()] + checkpoint[3:])
    changes = {
        "dropped": {"events.jsonl": without(leaves, middle), "proofs.jsonl": without(proofs, middle)},
        "without-first": {"events.jsonl": without(leaves, 0), "proofs.jsonl": without(proofs, 0)},
        "without-last": {"events.jsonl": without(leaves, len(leaves) - 1), "proofs.jsonl": without(proofs, len(proofs) - 1)},
        "events-swapped": {"events.jsonl": swapped(leaves)},
        "both-swapped": {"events.jsonl": swapped(leaves), "proofs.jsonl": swapped(proofs)},
        "changed": {"events.jsonl": files["events.jsonl"].replace(b'"us-os"', b'"x"').replace(b"done", b"gone")},
        "checkpoint-larger": {"checkpoint": larger.encode()},
        "checkpoint-root": {"checkpoint": other_root.encode()},
        "checkpoint-unsigned": {"checkpoint": files["checkpoint"].split(b"\n\n")[0] + b"\n\n"},
        "another-verdict": {"bundle.json": files["bundle.json"].replace(b"succeeded", b"improvised")},
        "another-key": {"key.pub": files["key.pub"].replace(b"+", b"+0", 1)},
        "another-plan": {"plan": files.get("plan", b"") + b"\n"},
    }
    for name, change in changes.items():
        new = dict(files, **change)
        must(new != files, name + " changes nothing")
        new["SHA256SUMS"] = sums_of(list(new.items()))
        forged = pack(list(new.items()))
        Path(folder, name + ".tar").write_bytes(forged)
        must(not holds(forged), name + " is not seen")
    return len(changes)


# ---- a journal's folder

def journal(folder):
    identity, hashes, events = None, [], []
    for segment in sorted(Path(folder, "log").glob("*.seg")):
        data = segment.read_bytes()
        must(data[:12] == b"HFJRNLOG\1\1\0\1" and struct.unpack_from("<I", data, 16)[0] == 96, "%s: no segment" % segment)
        must(sha(data[:80])[:16] == data[80:96], "%s: the header's check" % segment)
        identity = identity or data[24:40]
        must(data[24:40] == identity and struct.unpack_from("<Q", data, 40)[0] == len(hashes), "%s: out of order" % segment)
        must(data[48:80] == root_of(hashes), "%s: continues another log" % segment)
        at = 96
        while at < len(data):
            size, = struct.unpack_from("<I", data, at)
            head = data[at:at + 12]
            must(sha(identity, struct.pack("<Q", len(hashes)), head)[:4] == data[at + 12:at + 16], "event %d: head" % len(hashes))
            leaf = data[at + 16:at + 16 + size]
            must(len(leaf) == size and leaf_hash(leaf)[:8] == head[4:12], "event %d: leaf" % len(hashes))
            events.append((len(hashes), parse(leaf, "an event")))
            hashes.append(leaf_hash(leaf))
            at += 16 + size
    checkpoint = peek(Path(folder, "checkpoint").read_bytes())
    origin, _, key = key_for(events, checkpoint["size"])
    must(origin == "holdfast/" + identity.hex(), "event 0 opens another journal")
    check_signature(checkpoint, origin, key)
    must(checkpoint["size"] <= len(hashes) and root_of(hashes[:checkpoint["size"]]) == checkpoint["root"], "the checkpoint")
    must(Path(folder, "key.pub").read_text() == verifier_key(origin, key) + "\n", "key.pub")
    return events, "%d events, %d of them signed for, root %s" % (len(hashes), checkpoint["size"], root_of(hashes).hex())


def notes(document, folder):
    """Counts the notes of a plan document in Markdown; each stands for an event, and each that is used is there."""
    text, events = Path(document).read_text(), dict(journal(folder)[0])
    found = re.findall(r"^\[\^(\d+)\]: (?:run `([^`]+)`, )?event (\d+) of the journal, (\S+ \S+) UTC", text, re.M)
    must(found and set(re.findall(r"\[\^(\d+)\](?!:)", text)) == {n for n, *_ in found}, "notes and their uses differ")
    for number, run, seq, time in found:
        event = events[int(seq)]
        must(event.get("run", "") == run, "note %s names another run" % number)
        must(event["time"][:19].replace("T", " ") == time, "note %s names another time" % number)
    table = re.findall(r"^\| .*\b(?:met|missed|done in|restored)\b.*$", text, re.M)
    must(table and all("[^" in row for row in table), "a figure has no note")
    for name, number in re.findall(r"^\| (\S+) \|.*\| done in [^|]*\[\^(\d+)\] \|$", text, re.M):
        seq = next(int(s) for n, _, s, _ in found if n == number)
        outcome = (events[seq]["type"], events[seq].get("step"))
        must(outcome == ("step.outcome", name), "%s: event %d is not its outcome" % (name, seq))
    return len(found)


def main(words):
    command, where = words[0], words[1]
    if command == "verify":
        print(*verify(Path(where).read_bytes(), *words[2:3]))
    elif command == "flips":
        print(flips(Path(where).read_bytes()), "bytes, each of them counts")
    elif command == "forge":
        print(forge(Path(where).read_bytes(), words[2]), "forgeries, each of them seen")
    elif command == "journal":
        print(journal(where)[1])
    elif command == "notes":
        print(notes(where, words[2]), "notes, each of an event of the journal")


if __name__ == "__main__":
    main(sys.argv[1:])
