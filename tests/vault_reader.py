#!/usr/bin/python3
"""A second reader of a vault in a directory, written from docs/format/ alone; it shares no code with Holdfast.

vault_reader.py VAULT list                        one line a snapshot: id, component, entries, source bytes
vault_reader.py VAULT ls SNAPSHOT                 one line an entry: type, mode, size, path
vault_reader.py VAULT cat SNAPSHOT PATH           the bytes of a file on standard output
vault_reader.py VAULT restore SNAPSHOT DIR        files, folders, links; times and modes
vault_reader.py VAULT parity                      one line a pack: its name, parity bytes, and that they are what they must be
The passphrase is in $HOLDFAST_PASSPHRASE. Everything is verified on the way: checks, signatures, seals, chunk ids.
"""
import hashlib
import hmac
import os
import struct
import sys
from pathlib import Path

import zstandard
from argon2.low_level import Type, hash_secret_raw
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

MAGIC = bytes.fromhex("894846560d0a1a0a")
CONFIG, PACK, INDEX, COMMIT, FATE = 1, 2, 3, 4, 7
LEAF = 32768


class Damage(Exception):
    """What the format pages call damage."""


def must(condition, what):
    if not condition:
        raise Damage(what)


class Reader:
    """Fields in order, from bytes at hand."""

    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, n):
        must(self.at + n <= len(self.data), "a field reaches past the end")
        self.at += n
        return self.data[self.at - n:self.at]

    def number(self, fmt):
        return struct.unpack("<" + fmt, self.take(struct.calcsize("<" + fmt)))[0]

    def varint(self):
        value = 0
        for shift in range(0, 70, 7):
            byte = self.take(1)[0]
            value |= (byte & 127) << shift
            if byte < 128:
                return value
        raise Damage("a varint of more than 10 bytes")

    def zigzag(self):
        v = self.varint()
        return (v >> 1) ^ -(v & 1)

    def sized(self):
        return self.take(self.varint())

    def left(self):
        return len(self.data) - self.at


def hkdf(key, salt, info, n):
    return HKDF(algorithm=hashes.SHA256(), length=n, salt=salt or None, info=info).derive(key)


def counter(n):
    return bytes(4) + n.to_bytes(8, "big")


def unseal(key, n, associated, sealed):
    return AESGCM(key).decrypt(counter(n), sealed, associated)


def open_box(private, info, box):
    public = private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    ephemeral = box[:32]
    shared = private.exchange(X25519PublicKey.from_public_bytes(ephemeral))
    return unseal(hkdf(shared, ephemeral + public, info, 32), 0, b"", box[32:])


class Object:
    """Section 1: the header and TLVs of any object, checked."""

    def __init__(self, data, kind):
        must(data[:8] == MAGIC, "magic")
        self.kind, major, _, suite, flags, tlv_length, payload = struct.unpack("<BBBBHHQ", data[8:24])
        self.size, self.flags = 32 + tlv_length, flags
        must(hashlib.sha256(data[:24] + data[32:self.size]).digest()[:8] == data[24:32], "check of the header")
        must((major, suite) == (1, 1), "version or suite")
        must(self.kind == kind, f"kind {self.kind} where {kind} was expected")
        self.header = data[:self.size]
        self.digest = hashlib.sha256(self.header).digest()
        if flags & 1:
            must(payload == 0, "payload length of an open-ended object")
        self.payload_length = None if flags & 1 else payload
        self.tlvs, tlv, last = {}, Reader(data[32:self.size]), -1
        while tlv.left():
            number, length = tlv.number("H"), tlv.number("H")
            must(number > last, "order of TLVs")
            self.tlvs[number], last = tlv.take(length), number

    def payload(self, data):
        if self.payload_length is not None:
            must(len(data) == self.size + self.payload_length, "length of the object")
        return data[self.size:]


def signed_object(data, kind, name, writers=None):
    """The body and the writer's key; `writers` None: the caller judges the key."""
    head = Object(data, kind)
    payload = head.payload(data)
    body, key, signature = payload[:-96], payload[-96:-64], payload[-64:]
    text = (b"holdfast/v1 signed object\0" + struct.pack("<H", len(name)) + name.encode() + head.digest +
            hashlib.sha256(body).digest() + key)
    Ed25519PublicKey.from_public_bytes(key).verify(signature, text)
    must(writers is None or key in writers, "signed by a key that is not among the writers")
    return body, key


class Vault:
    def __init__(self, folder, passphrase):
        self.folder = Path(folder)
        self.open_config(passphrase)
        self.index = {}
        self.packs = {}
        for path in sorted(self.folder.glob("index/*")):
            self.read_run(path)

    # --- section 4 ---

    def open_config(self, passphrase):
        newest = max((int(p.name) for p in self.folder.glob("config/*")), default=0)
        must(newest > 0, "no config")
        body, admin = signed_object((self.folder / f"config/{newest}").read_bytes(), CONFIG, f"config/{newest}")
        r = Reader(body)
        self.vault_id = r.take(16)
        must(r.number("Q") == newest, "number of the config")
        r.number("q")
        must(r.number("I") == LEAF, "leaf bytes")
        r.take(24 + 8)
        public, admin_key = r.take(32), r.take(32)
        must(admin_key == admin, "the config is not signed by its admin key")
        r.number("I")
        bundle = None
        for _ in range(r.number("H")):
            bundle = self.try_slot(r, passphrase) or bundle
        self.writers = set()
        for _ in range(r.number("H")):
            self.writers.add(r.take(32))
            r.sized()
        must(bundle is not None, "no slot opens with this passphrase")
        self.use_bundle(Reader(bundle), public, admin_key)

    def try_slot(self, r, passphrase):
        head = r.take(4 + 1 + 1 + 4 + 4)
        number, kind, level, memory, passes = struct.unpack("<IBBII", head)
        recipient, writer = r.take(32), r.take(32)
        r.sized()
        salt, wrapped = r.sized(), r.sized()
        if kind != 1:
            return None
        associated = (b"holdfast/v1 slot\0" + self.vault_id + head + bytes([len(salt)]) + salt + recipient + writer)
        key = hash_secret_raw(passphrase, salt, passes, memory, 1, 32, Type.ID)
        try:
            return unseal(key, 0, associated, wrapped)
        except Exception:  # pylint: disable=broad-except  # another passphrase's slot
            return None

    def use_bundle(self, r, public, admin_key):
        must(r.number("B") == 1, "version of the bundle")
        level = r.number("B")
        must(r.take(16) == self.vault_id, "vault id of the bundle")
        self.id_key, _, self.index_key = r.take(32), r.take(32), r.take(32)
        must(r.take(32) == public and r.take(32) == admin_key, "the config was replaced")
        writer = Ed25519PrivateKey.from_private_bytes(r.take(32)).public_key()
        must(writer.public_bytes(Encoding.Raw, PublicFormat.Raw) in self.writers, "the slot's writer is not listed")
        must(level >= 2, "this slot cannot read")
        self.private = X25519PrivateKey.from_private_bytes(r.take(32))

    # --- section 7 ---

    def read_run(self, path):
        data, name = path.read_bytes(), f"index/{path.name}"
        head = Object(data, INDEX)
        key = hkdf(self.index_key, head.tlvs[0x8003], b"holdfast/v1 index run", 32)
        footer = data[-160:]
        must(footer[:8] == b"HFIDXEN\n", "magic of the index footer")
        chunks, packs, zero, length = struct.unpack("<QIIQ", footer[8:32])
        must(zero == 0 and length == len(data), "length of the run")
        writer = footer[64:96]
        must(writer in self.writers, "the run's writer is not listed")
        text = b"holdfast/v1 index run\0" + struct.pack("<H", len(name)) + name.encode() + head.digest + footer[:96]
        Ed25519PublicKey.from_public_bytes(writer).verify(footer[96:], text)
        blocks = [(1, min(315, chunks - i) * 52) for i in range(0, chunks, 315)]
        blocks += [(2, min(64, packs - i) * 256) for i in range(0, packs, 64)]
        fences = len(blocks) * 40
        filters = len(range(0, chunks, 315)) * 512 if head.flags & 4 else 0
        blocks.append((3, fences + filters))
        at, rows, digests = head.size, {1: b"", 2: b"", 3: b""}, []
        for number, (section, size) in enumerate(blocks):
            sealed = data[at:at + size + 16]
            associated = b"holdfast/v1 index block\0" + head.digest + struct.pack("<BQ", section, number)
            rows[section] += unseal(key, at, associated, sealed)
            digests.append(hashlib.sha256(sealed).digest())
            at += size + 16
        must(at + 160 == len(data), "the blocks do not fill the run")
        must(digests.pop() == footer[32:64], "digest of the fences")
        must([rows[3][i + 8:i + 40] for i in range(0, fences, 40)] == digests, "digest of a block")
        for block in range(filters // 512):
            bits = 0
            for i in range(block * 315 * 52, min(chunks, (block + 1) * 315) * 52, 52):
                for at in range(8, 26, 2):
                    bits |= 1 << struct.unpack("<H", rows[1][i + at:i + at + 2])[0] % 4096
            filter_at = fences + block * 512
            must(rows[3][filter_at:filter_at + 512] == bits.to_bytes(512, "little"), "filter of a block")
        table = []
        for i in range(0, len(rows[2]), 256):
            session, number, _, _, header_length = struct.unpack("<16sIBBH", rows[2][i:i + 24])
            table.append((f"packs/{session.hex()[:2]}/{session.hex()}-{number}", rows[2][i + 64:i + 64 + header_length]))
        for i in range(0, len(rows[1]), 52):
            chunk, row, offset, stored, plain, flags = struct.unpack("<32sIIIIB3x", rows[1][i:i + 52])
            self.index[chunk] = (*table[row], offset, stored, plain, flags)

    # --- sections 2 and 6 ---

    def chunk(self, chunk_id):
        must(chunk_id in self.index, f"chunk {chunk_id.hex()} is in no index run")
        pack, header, offset, stored, plain, flags = self.index[chunk_id]
        if pack not in self.packs:
            head = Object(header, PACK)
            must(head.tlvs[0x8001] == self.vault_id, "a pack of another vault")
            self.packs[pack] = (open_box(self.private, b"holdfast/v1 pack key", head.tlvs[0x8002]), head.digest)
        key, digest = self.packs[pack]
        with open(self.folder / pack, "rb") as file:
            file.seek(offset)
            sealed = file.read(stored)
        associated = b"holdfast/v1 chunk\0" + digest + struct.pack("<QIB", offset, plain, flags) + chunk_id
        data = unseal(key, offset, associated, sealed)
        if flags & 1:
            data = zstandard.ZstdDecompressor().decompress(data, max_output_size=plain)
        must(len(data) == plain, "length of a chunk")
        leaves = b"".join(hashlib.sha256(data[i:i + LEAF]).digest() for i in range(0, plain, LEAF))
        must(hmac.digest(self.id_key, b"\1" + struct.pack("<Q", plain) + leaves, "sha256") == chunk_id, "chunk id")
        return data

    # --- the protocol's "Snapshot record" ---

    def snapshots(self):
        seen = {}
        for path in sorted(self.folder.glob("leases/*/fate")):
            body, _ = signed_object(path.read_bytes(), FATE, f"leases/{path.parent.name}/fate", self.writers)
            r = Reader(body)
            r.take(32)
            if r.number("B") == 1:
                sealed = r.sized()
                seen[hashlib.sha256(sealed).digest()] = sealed
        for path in sorted(self.folder.glob("commits/*")):
            sealed, _ = signed_object(path.read_bytes(), COMMIT, f"commits/{path.name}", self.writers)
            seen[hashlib.sha256(sealed).digest()] = sealed
        return {number: self.record(sealed) for number, sealed in seen.items()}

    def record(self, sealed):
        box, _ = signed_object(sealed, COMMIT, "snapshot", self.writers)
        r = Reader(open_box(self.private, b"holdfast/v1 snapshot", box))
        r.take(16 + 1)
        host, component = r.sized(), r.sized()
        paths = [r.sized() for _ in range(r.varint())]
        tags = [r.sized() for _ in range(r.varint())]
        attributes = {r.sized(): r.sized() for _ in range(r.varint())}
        if r.number("B"):
            r.take(32)
        times = r.number("q"), r.number("q")
        files, entries, source = r.number("Q"), r.number("Q"), r.number("Q")
        r.take(16 + 1)
        return {"host": host, "component": component, "paths": paths, "tags": tags, "attributes": attributes,
                "times": times, "files": files, "entries": entries, "source_bytes": source, "root": r.sized()}

    # --- section 8 ---

    def entries(self, snapshot):
        root = Reader(snapshot["root"])
        must(root.number("B") == 1, "version of the tree")
        count, stream_bytes, file_bytes = root.varint(), root.varint(), root.varint()
        index = b""
        for _ in range(root.varint()):
            chunk, length = root.take(32), root.number("I")
            data = self.chunk(chunk)
            must(len(data) == length, "length of an index chunk")
            index += data
        rows, stream = Reader(index), b""
        while rows.left():
            chunk, length = rows.take(32), rows.varint()
            rows.number("B")
            rows.sized()
            stream += self.chunk(chunk)
        must(len(stream) == stream_bytes, "bytes of the tree stream")
        out, records = [], Reader(stream)
        while records.left():
            record = Reader(records.sized())
            if record.number("B") == 1:
                out.append(self.entry(record))
            else:
                self.extents(record, out[-1])
        must(len(out) == count, "number of entries")
        must(sum(e["size"] for e in out if e["type"] == 1) == file_bytes, "sum of the sizes")
        keys = [e["path"].split(b"/") if e["path"] else [] for e in out]
        must(all(a < b for a, b in zip(keys, keys[1:])), "order of paths")
        return out

    def entry(self, r):
        e = {"type": r.number("B"), "path": r.sized(), "mode": r.varint(), "uid": r.varint(), "gid": r.varint(),
             "user": r.sized(), "group": r.sized(), "mtime": (r.zigzag(), r.varint()), "ctime": (r.zigzag(), r.varint()),
             "inode": r.varint(), "device": r.varint(), "size": r.varint(), "rdev": r.varint(), "links": r.varint(),
             "target": r.sized()}
        e["xattrs"] = {r.sized(): r.sized() for _ in range(r.varint())}
        r.sized()
        for _ in range(r.varint()):
            r.take(32)
            r.varint()
        for _ in range(r.varint()):
            number = r.varint()
            must(number % 2 == 0, "an extension that must be known")
            r.sized()
        e["extent_count"], e["extents"] = r.varint(), []
        return self.extents(r, e)

    @staticmethod
    def extents(r, e):
        new = []
        for _ in range(r.varint()):
            length, reference = r.varint(), r.varint()
            if reference == 0:
                e["extents"].append((length, None, 0))
                continue
            if reference == 1:
                new.append(r.take(32))
                r.varint()
            e["extents"].append((length, new[-1 if reference == 1 else reference - 2], r.varint()))
        return e

    def content(self, e):
        must(len(e["extents"]) == e["extent_count"], "number of extents")
        must(sum(x[0] for x in e["extents"]) == e["size"], "extents cover the file")
        last, data = None, b""
        for length, chunk, offset in e["extents"]:
            if chunk is None:
                yield bytes(length)
                continue
            if chunk != last:
                last, data = chunk, self.chunk(chunk)
            yield data[offset:offset + length]


# --- section 6, parity ---

CRC = []
for _n in range(256):
    for _ in range(8):
        _n = (_n >> 1) ^ (0x82F63B78 if _n & 1 else 0)
    CRC.append(_n)


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc = CRC[(crc ^ byte) & 255] ^ (crc >> 8)
    return struct.pack("<I", crc ^ 0xFFFFFFFF)


def multiply(a, b):
    product = 0
    while b:
        product ^= a if b & 1 else 0
        a = (a << 1) ^ (0x11D if a & 0x80 else 0)
        b >>= 1
    return product


TIMES = {}


def times(factor, block):
    """A block times a number of the field; factor 0 never happens."""
    if factor not in TIMES:
        TIMES[factor] = bytes(multiply(factor, byte) for byte in range(256))
    return int.from_bytes(block.translate(TIMES[factor]), "little")


def inverse(a):
    return next(b for b in range(1, 256) if multiply(a, b) == 1)


def parity_region(covered, footer, rows, block):
    blocks = [covered[i:i + block] for i in range(0, len(covered), block)]
    stripes = -(-len(blocks) // 128)
    columns = -(-len(blocks) // stripes)
    inverses = [0] + [inverse(a) for a in range(1, 256)]
    records = {}
    for stripe in range(stripes):
        mine = blocks[stripe::stripes]
        sums = b"".join(crc32c(b) for b in mine) + bytes(4 * (columns - len(mine)))
        for row in range(rows):
            total = 0
            for column, data in enumerate(mine):
                total ^= times(inverses[(columns + row) ^ column], data)
            record = footer + sums + total.to_bytes(block, "little")
            records[row, stripe] = record + crc32c(record)
    return b"".join(records[r // stripes, (len(blocks) + r) % stripes] for r in range(stripes * rows))


def check_parity(vault):
    for path in sorted(vault.folder.glob("packs/*/*")):
        data = path.read_bytes()
        footer = data[-64:]
        must(footer[:8] == b"HFPACKE\n" and hashlib.sha256(footer[:48]).digest()[:16] == footer[48:], "footer of a pack")
        start, length, kind, rows, log2, zero, total = struct.unpack("<QIBBBBQ", footer[24:48])
        must((zero, total) == (0, len(data)) and start + length + 64 == total, "layout of a pack")
        must(kind == 1 or (kind, rows, log2, length) == (0, 0, 0, 0), "kind of parity")
        if kind == 1:
            must(data[start:-64] == parity_region(data[:start], footer, rows, 1 << log2), f"parity of {path.name}")
        print(path.relative_to(vault.folder), length)


def restore(vault, entries, folder):
    folder = os.fsencode(folder)
    os.makedirs(folder, exist_ok=True)
    late = []
    for e in entries:
        path = os.path.join(folder, e["path"]) if e["path"] else folder
        if e["type"] == 2:
            os.makedirs(path, exist_ok=True)
            late.append((path, e))
            continue
        if e["type"] == 1:
            with open(path, "wb") as file:
                for piece in vault.content(e):
                    file.write(piece)
        elif e["type"] == 3:
            os.symlink(e["target"], path)
        elif e["type"] == 4:
            os.link(os.path.join(folder, e["target"]), path)
            continue
        else:
            print(f"left out, type {e['type']}: {e['path']!r}", file=sys.stderr)
            continue
        late.append((path, e))
    for path, e in reversed(late):
        if e["type"] != 3:
            os.chmod(path, e["mode"])
        ns = e["mtime"][0] * 10**9 + e["mtime"][1]
        os.utime(path, ns=(ns, ns), follow_symlinks=False)


def main(argv):
    if len(argv) < 3 or (argv[2], len(argv)) not in {("list", 3), ("parity", 3), ("ls", 4), ("cat", 5), ("restore", 5)}:
        sys.exit(__doc__)
    vault = Vault(argv[1], os.environb.get(b"HOLDFAST_PASSPHRASE", b""))
    if argv[2] == "parity":
        check_parity(vault)
        return
    snapshots = vault.snapshots()
    if argv[2] == "list":
        for number, s in sorted(snapshots.items(), key=lambda item: item[1]["times"]):
            print(number.hex(), os.fsdecode(s["component"]), s["entries"], s["source_bytes"])
        return
    found = [s for number, s in snapshots.items() if number.hex().startswith(argv[3])]
    must(len(found) == 1, f"{len(found)} snapshots begin with {argv[3]}")
    entries = vault.entries(found[0])
    if argv[2] == "ls":
        for e in entries:
            print(e["type"], f"{e['mode']:04o}", e["size"], os.fsdecode(e["path"]))
    elif argv[2] == "cat":
        wanted = [e for e in entries if e["path"] == os.fsencode(argv[4]) and e["type"] == 1]
        must(len(wanted) == 1, f"no file {argv[4]}")
        for piece in vault.content(wanted[0]):
            sys.stdout.buffer.write(piece)
    else:
        restore(vault, entries, argv[4])


if __name__ == "__main__":
    main(sys.argv)
