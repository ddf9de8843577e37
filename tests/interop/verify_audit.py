"""Verifies an export of the audit (JSON lines), written from docs/audit.md alone.

    python3 verify_audit.py audit.jsonl [--key PUBLIC_KEY]

Shares no code with the Rust programs. Needs Python 3.9 and the package `cryptography`. Ends with 0 when nothing was found.
"""

import argparse
import base64
import hashlib
import json
import struct
import sys

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

FORMAT = "openscm-audit-export-v1"
TEXTS = ("actor", "address", "action", "target", "outcome", "detail")


def number(value):
    return struct.pack(">q", value)


def text(value):
    data = value.encode()
    return struct.pack(">I", len(data)) + data


def entry_hash(entry):
    data = text("openscm-audit-entry-v1")
    data += number(entry["organization_id"]) + number(entry["id"]) + number(entry["at_ms"])
    data += b"".join(text(entry[name]) for name in TEXTS)
    return hashlib.sha256(data + bytes.fromhex(entry["previous_hash"])).hexdigest()


def key_bytes(key):
    return base64.urlsafe_b64decode(key + "=")


def anchor_holds(anchor, keys):
    if anchor["public_key"] not in keys:
        return False
    key = key_bytes(anchor["public_key"])
    message = text("openscm-audit-anchor-v1") + text(anchor["kind"])
    message += number(anchor["organization_id"]) + number(anchor["entry_id"])
    message += bytes.fromhex(anchor["hash"]) + number(anchor["at_ms"]) + key
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(bytes.fromhex(anchor["signature"]), message)
    except InvalidSignature:
        return False
    return True


def verify(lines, keys):
    """Yields what is wrong."""
    header = json.loads(next(lines))
    if header.get("type") != "header" or header.get("format") != FORMAT:
        yield "line 1 is no header of " + FORMAT
        return
    keys = keys or header["public_keys"]
    complete = header["complete"]
    start = (header["start_id"], header["start_hash"])
    last_id, last_hash = start if complete else (None, None)
    proven = start == (0, "00" * 32)
    entries = anchors = 0
    end = None
    for line in lines:
        line = json.loads(line)
        if line["type"] == "entry":
            entries += 1
            if line["hash"] != entry_hash(line):
                yield f"entry {line['id']} was edited"
            if last_id is not None and line["id"] <= last_id:
                yield f"entry {line['id']} was moved"
            elif last_id is not None and line["id"] == last_id + 1:
                if line["previous_hash"] != last_hash:
                    yield f"entry {last_id} was edited: entry {line['id']} follows another version of it"
            elif complete:
                yield f"entries {last_id + 1} to {line['id'] - 1} were deleted"
            last_id, last_hash = line["id"], line["hash"]
        elif line["type"] == "anchor":
            anchors += 1
            if not anchor_holds(line, keys):
                yield f"the anchor at entry {line['entry_id']} does not hold"
            elif line["kind"] == "cut" and (line["entry_id"], line["hash"]) == start:
                proven = True
            elif line["entry_id"] == last_id and line["hash"] != last_hash:
                yield f"entry {last_id} was edited: it was anchored with another hash"
        elif line["type"] == "end":
            end = line
    if end is None:
        yield "the file was cut off: it has no end line"
    elif (end["entries"], end["anchors"]) != (entries, anchors):
        yield "the file was cut off: the end line counts otherwise"
    if complete and last_id != header["to_id"]:
        yield f"entries {last_id + 1} to {header['to_id']} were cut off"
    if complete and not proven:
        yield f"nothing signed says that entries 1 to {start[0]} were deleted by retention"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("file")
    parser.add_argument("--key", action="append", default=[])
    arguments = parser.parse_args()
    with open(arguments.file, encoding="utf-8") as lines:
        findings = list(verify(lines, arguments.key))
    for finding in findings:
        print(finding)
    print("verified" if not findings else f"{len(findings)} findings")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
