"""Merkle trees: the vectors of RFC 6962's first implementation, and another implementation."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymerkle import InmemoryTree, InvalidProof, verify_inclusion

from apps.audit import merkle

LEAVES = [
    bytes.fromhex(leaf)
    for leaf in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
# (leaf, size of the tree, path), counted from zero.
PATHS = [
    (0, 1, []),
    (
        0,
        8,
        [
            "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
        ],
    ),
    (
        5,
        8,
        [
            "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
            "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        ],
    ),
    (
        2,
        3,
        ["fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"],
    ),
    (
        1,
        5,
        [
            "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        ],
    ),
]


def hashes(count: int) -> list[bytes]:
    return [merkle.leaf_hash(leaf) for leaf in LEAVES[:count]]


class TestVectors:
    def test_the_root_of_no_leaves_is_the_hash_of_nothing(self) -> None:
        assert merkle.root([]).hex() == (
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        )

    @pytest.mark.parametrize("size", range(1, 9))
    def test_roots_are_the_known_ones(self, size: int) -> None:
        assert merkle.root(hashes(size)).hex() == ROOTS[size - 1]

    @pytest.mark.parametrize(("leaf", "size", "path"), PATHS)
    def test_paths_are_the_known_ones(self, leaf: int, size: int, path: list[str]) -> None:
        assert [each.hex() for each in merkle.audit_path(hashes(size), leaf)] == path

    @pytest.mark.parametrize("index", [-1, 8])
    def test_there_is_no_path_from_a_leaf_that_is_not_there(self, index: int) -> None:
        with pytest.raises(IndexError):
            merkle.audit_path(hashes(8), index)


class TestAnotherImplementation:
    @given(st.lists(st.binary(max_size=40), min_size=1, max_size=70), st.data())
    def test_agrees_on_roots_and_proofs(self, leaves: list[bytes], data: st.DataObject) -> None:
        tree = InmemoryTree(algorithm="sha256")
        for leaf in leaves:
            tree.append_entry(leaf)
        index = data.draw(st.integers(0, len(leaves) - 1))
        ours = [merkle.leaf_hash(leaf) for leaf in leaves]

        assert merkle.root(ours) == tree.get_root()
        # Theirs begins with the leaf itself, and so counts from one.
        proof = tree.prove_inclusion(index + 1)
        assert ours[index] in proof.path
        assert set(merkle.audit_path(ours, index)) <= set(proof.path)
        verify_inclusion(ours[index], merkle.root(ours), proof)
        with pytest.raises(InvalidProof):
            verify_inclusion(ours[index], bytes(32), proof)


class TestInclusion:
    @given(st.integers(1, 200), st.data())
    def test_holds_for_every_leaf_and_for_no_other(self, size: int, data: st.DataObject) -> None:
        leaves = [merkle.leaf_hash(str(number).encode()) for number in range(size)]
        index = data.draw(st.integers(0, size - 1))
        other = data.draw(st.integers(-1, size))
        tree_root, path = merkle.root(leaves), merkle.audit_path(leaves, index)

        def holds(leaf: bytes, at: int, by: list[bytes]) -> bool:
            return merkle.is_included(leaf, index=at, size=size, path=by, tree_root=tree_root)

        assert holds(leaves[index], index, path)
        assert not holds(merkle.leaf_hash(b"forged"), index, path)
        assert not holds(leaves[index], index, [*path, leaves[0]])
        if path:
            assert not holds(leaves[index], index, path[:-1])
        if other != index:
            assert not holds(leaves[index], other, path)

    def test_holds_in_a_large_tree(self) -> None:
        leaves = [merkle.leaf_hash(number.to_bytes(4, "big")) for number in range(100_003)]
        tree_root = merkle.root(leaves)

        for index in [0, 65_535, 65_536, 100_002, *random.sample(range(100_003), 5)]:
            path = merkle.audit_path(leaves, index)
            assert merkle.is_included(
                leaves[index], index=index, size=len(leaves), path=path, tree_root=tree_root
            )
