"""Merkle trees as RFC 6962 has them: roots, audit paths, and their check."""

from collections.abc import Iterator, Sequence
from hashlib import sha256

HASH_SIZE = 32
EMPTY_ROOT = sha256(b"").digest()


def leaf_hash(data: bytes) -> bytes:
    """Return the hash of a leaf, which can't be taken for that of a node."""
    return sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return the hash of two subtrees."""
    return sha256(b"\x01" + left + right).digest()


def root(leaves: Sequence[bytes]) -> bytes:
    """Return the root over leaf hashes."""
    *_, top = _levels(leaves)
    return top[0] if top else EMPTY_ROOT


def audit_path(leaves: Sequence[bytes], index: int) -> list[bytes]:
    """Return the hashes that lead from one leaf to the root, the nearest first.

    :raises IndexError: there is no leaf of this index.
    """
    if not 0 <= index < len(leaves):
        raise IndexError(index)
    path = []
    for level in _levels(leaves):
        sibling = index ^ 1
        if sibling < len(level):
            path.append(level[sibling])
        index >>= 1
    return path


def is_included(
    leaf: bytes, *, index: int, size: int, path: Sequence[bytes], tree_root: bytes
) -> bool:
    """Whether the path leads from a leaf hash, at its index among `size` leaves, to the root."""
    if not 0 <= index < size:
        return False
    last, value = size - 1, leaf
    for sibling in path:
        if last == 0:
            return False
        if index & 1 or index == last:
            value = node_hash(sibling, value)
            # The last leaf of an odd level is carried up as it is.
            while not index & 1 and index:
                index, last = index >> 1, last >> 1
        else:
            value = node_hash(value, sibling)
        index, last = index >> 1, last >> 1
    return last == 0 and value == tree_root


def split(joined: bytes, size: int) -> list[bytes]:
    """Cut bytes into pieces of one size; the last may be shorter."""
    return [joined[start : start + size] for start in range(0, len(joined), size)]


def _levels(leaves: Sequence[bytes]) -> Iterator[Sequence[bytes]]:
    """Yield the levels of the tree, from the leaves to the root.

    Carrying the odd one up gives the same tree as the RFC's cut at the largest power of two.
    """
    level = leaves
    yield level
    while len(level) > 1:
        above = [
            sha256(b"\x01" + level[at] + level[at + 1]).digest()
            for at in range(0, len(level) - 1, 2)
        ]
        if len(level) & 1:
            above.append(level[-1])
        level = above
        yield level
