#!/usr/bin/env python3
"""Verify a receipt of Quintet's audit log: that an entry is under a seal signed by a key you trust.

    python verify_receipt.py receipt.json --public-key BASE64 [--public-key BASE64 …]

It needs Python 3.11 and the package `cryptography`; no database, no Django and nothing of Quintet.

You have to give the public keys you trust, and have them from somewhere else than the receipt: the key
inside a receipt proves nothing by itself, since anybody can make a key, sign with it and enclose it.

Exits with 0 and "verified: …", or with 1 and what is wrong.
"""

import argparse
import base64
import binascii
import hashlib
import json
import re
import sys

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

RECEIPT = {
    "format": str,
    "entry": dict,
    "leaf_index": int,
    "tree_size": int,
    "audit_path": list,
    "statement": str,
    "signature": str,
    "key_id": str,
    "public_key": str,
}
STATEMENT = {
    "format",
    "database",
    "tenant_id",
    "number",
    "from_xid",
    "to_xid",
    "entries",
    "root",
    "previous",
    "sealed_at",
    "key_id",
}
HASH = re.compile(r"[0-9a-f]{64}")


class Refused(Exception):
    """The receipt does not hold, or is none."""


def main() -> int:
    """Verify the file named on the command line; return the exit code."""
    parser = argparse.ArgumentParser(description="Verify a receipt of Quintet's audit log.")
    parser.add_argument("receipt", help="the file, or - for standard input")
    parser.add_argument(
        "--public-key",
        action="append",
        required=True,
        metavar="BASE64",
        help="a public key you trust; not the one out of the receipt",
    )
    options = parser.parse_args()
    try:
        trusted = [_bytes(text, "--public-key", 32) for text in options.public_key]
        print(verify(read(options.receipt), trusted=trusted))
    except Refused as refusal:
        print(f"not verified: {refusal}", file=sys.stderr)
        return 1
    return 0


def read(name: str) -> dict:
    """Return the receipt in a file.

    :raises Refused: there is no such file, or it holds no receipt.
    """
    try:
        if name == "-":
            data = sys.stdin.buffer.read()
        else:
            with open(name, "rb") as file:
                data = file.read()
    except OSError as error:
        raise Refused(f"{name} can't be read: {error.strerror}") from error
    receipt = _parsed(data, "the receipt")
    _check_members(receipt, RECEIPT, "the receipt")
    for member, kind in RECEIPT.items():
        # A bool is an int to Python.
        if type(receipt[member]) is not kind:
            raise Refused(f"{member} should be of type {kind.__name__}")
    if receipt["format"] != "quintet-receipt-1":
        raise Refused(f"its format is {receipt['format']!r}, not 'quintet-receipt-1'")
    return receipt


def verify(receipt: dict, *, trusted: list) -> str:
    """Return a sentence about what is proved.

    :raises Refused: something does not agree.
    """
    key = _bytes(receipt["public_key"], "public_key", 32)
    if key not in trusted:
        raise Refused("it is signed by a key that is not among those you trust")
    key_id = hashlib.sha256(key).hexdigest()[:16]
    if receipt["key_id"] != key_id:
        raise Refused("key_id is not that of its public key")
    statement = _statement(receipt, key)
    if statement["key_id"] != key_id:
        raise Refused("the statement names another key than the one that signed it")
    if str(receipt["tree_size"]) != statement["entries"]:
        raise Refused("tree_size is not the number of entries in the statement")
    if receipt["entry"].get("tenant_id") != statement["tenant_id"]:
        raise Refused("the entry is another tenant's than the statement")
    if _root(receipt) != statement["root"]:
        raise Refused("the entry is not under the root that was signed: it, or the path, was altered")
    return (
        f"verified: entry {receipt['entry'].get('id')} of tenant {statement['tenant_id']} is leaf "
        f"{receipt['leaf_index'] + 1} of {receipt['tree_size']} under seal {statement['number']} of "
        f"{statement['database']}, sealed at {statement['sealed_at']} by key {key_id}"
    )


def leaf_hash(entry: dict) -> bytes:
    """Return the hash of an entry: SHA-256 over a zero byte and the entry as RFC 8785 has it.

    :raises Refused: a value is neither text nor null.
    """
    for name, value in entry.items():
        if value is not None and not isinstance(value, str):
            raise Refused(f"entry.{name} should be text or null")
    # The names are ASCII and the values no numbers, so this is the form of RFC 8785.
    text = json.dumps(entry, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    try:
        return hashlib.sha256(b"\x00" + text.encode()).digest()
    except UnicodeEncodeError as error:
        raise Refused("the entry has text that is no Unicode") from error


def _statement(receipt: dict, key: bytes) -> dict:
    """Return the statement, once its signature has been verified."""
    signature = _bytes(receipt["signature"], "signature", 64)
    try:
        text = receipt["statement"].encode()
        Ed25519PublicKey.from_public_bytes(key).verify(signature, text)
    except (InvalidSignature, UnicodeEncodeError, ValueError) as error:
        raise Refused("the signature is not over this statement, or not by this key") from error
    statement = _parsed(text, "the statement")
    _check_members(statement, STATEMENT, "the statement")
    if statement["format"] != "quintet-seal-1":
        raise Refused(f"the statement's format is {statement['format']!r}, not 'quintet-seal-1'")
    return statement


def _root(receipt: dict) -> str:
    """Return the root that the path leads to, as RFC 9162, 2.1.3.2 has it."""
    index, last = receipt["leaf_index"], receipt["tree_size"] - 1
    if not 0 <= index <= last:
        raise Refused("leaf_index is not that of a leaf of the tree")
    value = leaf_hash(receipt["entry"])
    for sibling in receipt["audit_path"]:
        if not isinstance(sibling, str) or not HASH.fullmatch(sibling):
            raise Refused("audit_path should be a list of hashes in lower-case hexadecimal")
        if last == 0:
            raise Refused("audit_path is too long for a tree of this size")
        if index & 1 or index == last:
            value = _node(bytes.fromhex(sibling), value)
            while not index & 1 and index:
                index, last = index >> 1, last >> 1
        else:
            value = _node(value, bytes.fromhex(sibling))
        index, last = index >> 1, last >> 1
    if last != 0:
        raise Refused("audit_path is too short for a tree of this size")
    return value.hex()


def _node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


def _parsed(data: bytes, what: str) -> dict:
    try:
        found = json.loads(data.decode(), object_pairs_hook=_unique)
    except (ValueError, RecursionError) as error:
        raise Refused(f"{what} is not JSON: {error}") from error
    if not isinstance(found, dict):
        raise Refused(f"{what} is not a JSON object")
    return found


def _unique(pairs: list) -> dict:
    """Build an object; with a name given twice, two readers could see two receipts."""
    members = dict(pairs)
    if len(members) != len(pairs):
        raise Refused("a name is given twice")
    return members


def _check_members(found: dict, wanted: object, what: str) -> None:
    missing = sorted(set(wanted) - set(found))
    unknown = sorted(set(found) - set(wanted))
    if missing:
        raise Refused(f"{what} lacks {', '.join(missing)}")
    if unknown:
        raise Refused(f"{what} has more than it should: {', '.join(unknown)}")


def _bytes(text: str, what: str, size: int) -> bytes:
    try:
        value = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise Refused(f"{what} is not base64") from error
    # Of several spellings of the same bytes, one is taken: else a change could go unseen.
    if len(value) != size or base64.b64encode(value).decode() != text:
        raise Refused(f"{what} should be {size} bytes in base64")
    return value


if __name__ == "__main__":
    sys.exit(main())
