"""The Merkle tree of the trail: hashing, roots, proofs and their verification.

It never guesses: a proof with one hash too many or too few is refused, however right the rest of it is.

RFC 6962 section 2.1 (hashing), RFC 9162 sections 2.1.3 (inclusion) and 2.1.4 (consistency).
"""

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from itertools import islice

from audits.merkle.errors import VerificationError

HASH_SIZE = 32
"""Bytes of a SHA-256 digest."""

EMPTY_ROOT = hashlib.sha256(b"").digest()
"""Root of the tree without leaves (RFC 6962 section 2.1)."""


def leaf_hash(body: bytes) -> bytes:
    """Return SHA-256(0x00 || body); the prefix keeps a leaf from passing for a node."""
    return hashlib.sha256(b"\x00" + body).digest()


def leaf_hashes(bodies: Iterable[bytes]) -> list[bytes]:
    """Return the leaf hash of each body: as ``leaf_hash``, for many at once."""
    sha256 = hashlib.sha256
    return [sha256(b"\x00" + body).digest() for body in bodies]


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return SHA-256(0x01 || left || right)."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def _require_hash(value: bytes) -> None:
    if len(value) != HASH_SIZE:
        raise ValueError(f"a hash has {HASH_SIZE} bytes, this one has {len(value)}")


class Frontier:
    """The compact range [0, size): the roots of the perfect subtrees that make up the tree, largest first.

    Enough to append and to know the root, in O(log size) memory; it cannot prove anything.
    """

    __slots__ = ("_nodes", "_size")

    def __init__(self, leaf_hashes: Iterable[bytes] = ()) -> None:
        self._nodes: list[bytes] = []
        self._size = 0
        self.extend(leaf_hashes)

    @classmethod
    def restored(cls, *, size: int, nodes: Sequence[bytes]) -> "Frontier":
        """Return the frontier of this ``size`` and these ``nodes``, to go on where another stopped."""
        if size < 0 or len(nodes) != size.bit_count():
            raise ValueError(f"a frontier of size {size} cannot have {len(nodes)} nodes")
        for node in nodes:
            _require_hash(node)
        frontier = cls()
        frontier._size = size
        frontier._nodes = list(nodes)
        return frontier

    @property
    def size(self) -> int:
        """Number of leaves appended so far."""
        return self._size

    @property
    def nodes(self) -> tuple[bytes, ...]:
        """Roots of the perfect subtrees, largest (leftmost) first; one for each set bit of ``size``."""
        return tuple(self._nodes)

    def copy(self) -> "Frontier":
        """Return an independent frontier, to try a batch that may yet be given up."""
        return Frontier.restored(size=self._size, nodes=self._nodes)

    def append(self, leaf: bytes) -> None:
        """Add one leaf hash (32 bytes) at index ``size``."""
        _require_hash(leaf)
        node = leaf
        size = self._size
        while size & 1:
            node = node_hash(self._nodes.pop(), node)
            size >>= 1
        self._nodes.append(node)
        self._size += 1

    def extend(self, leaf_hashes: Iterable[bytes]) -> None:
        """Add leaf hashes in order: as ``append``, at half of its cost. Adds none where one of them is no hash.

        Leaves that make up a perfect subtree are folded level by level, and its root goes in as a whole.
        """
        leaves = list(leaf_hashes)
        for leaf in leaves if set(map(len, leaves)) - {HASH_SIZE} else ():
            _require_hash(leaf)
        sha256, at = hashlib.sha256, 0
        while at < len(leaves):
            fits = (len(leaves) - at).bit_length() - 1
            height = min(fits, (self._size & -self._size).bit_length() - 1) if self._size else fits
            level = leaves[at : at + (1 << height)]
            for _ in range(height):
                pairs = iter(level)
                level = [sha256(b"\x01" + left + right).digest() for left, right in zip(pairs, pairs, strict=True)]
            node, below = level[0], self._size >> height
            while below & 1:
                node = node_hash(self._nodes.pop(), node)
                below >>= 1
            self._nodes.append(node)
            self._size += 1 << height
            at += 1 << height

    def root(self) -> bytes:
        """Return the root of the tree of ``size`` leaves."""
        return _folded(self._nodes)


def _folded(nodes: Sequence[bytes]) -> bytes:
    """Return the root over perfect subtrees given largest first."""
    if not nodes:
        return EMPTY_ROOT
    root = nodes[-1]
    for node in reversed(nodes[:-1]):
        root = node_hash(node, root)
    return root


class Subtrees(ABC):
    """A tree known by the roots of its perfect subtrees: every root and proof up to its size, each in O(log size)."""

    __slots__ = ()

    @property
    @abstractmethod
    def size(self) -> int:
        """Number of leaves."""

    @abstractmethod
    def node(self, level: int, index: int) -> bytes:
        """Return the root over leaves [index * 2^level, (index + 1) * 2^level), all of which the tree has."""

    def leaf(self, index: int) -> bytes:
        """Return the leaf hash at ``index``."""
        if not 0 <= index < self.size:
            raise ValueError(f"there is no leaf {index} in a tree of {self.size}")
        return self.node(0, index)

    def root(self, size: int | None = None) -> bytes:
        """Return the root of the first ``size`` leaves, of all when not given."""
        size = self.size if size is None else size
        self._require_size(size)
        return self._range_root(0, size)

    def inclusion_proof(self, index: int, size: int | None = None) -> tuple[bytes, ...]:
        """Return PATH(index, D[size]): the hashes from the leaf's sibling up to the root, 32 bytes each."""
        size = self.size if size is None else size
        self._require_size(size)
        if not 0 <= index < size:
            raise ValueError(f"there is no leaf {index} in a tree of {size}")
        return tuple(self._path(0, index, size))

    def consistency_proof(self, first: int, second: int | None = None) -> tuple[bytes, ...]:
        """Return PROOF(first, D[second]); empty when ``first`` is 0 or equals ``second``."""
        second = self.size if second is None else second
        self._require_size(second)
        if not 0 <= first <= second:
            raise ValueError(f"no tree of {first} leaves came before one of {second}")
        if first in (0, second):
            return ()
        # The largest perfect subtree that ends where the first tree ends.
        level, node = 0, first - 1
        while node & 1:
            node >>= 1
            level += 1
        # Where it is the whole first tree, the verifier has it already: it is the first root.
        start = () if node == 0 else (self.node(level, node),)
        return (*start, *self._path(level, node, second))

    def _require_size(self, size: int) -> None:
        if not 0 <= size <= self.size:
            raise ValueError(f"this tree has {self.size} leaves, not {size}")

    def _path(self, level: int, node: int, size: int) -> list[bytes]:
        """Return the siblings of ``node`` at ``level`` up to the root of the first ``size`` leaves."""
        path = []
        while (1 << level) < size:
            sibling = node ^ 1
            start, end = sibling << level, (sibling + 1) << level
            if start < size:
                path.append(self.node(level, sibling) if end <= size else self._range_root(start, size))
            level += 1
            node >>= 1
        return path

    def _range_root(self, start: int, size: int) -> bytes:
        """Return the root over leaves [start, size), ``start`` being 0 or where a subtree begins."""
        nodes = []
        while start < size:
            level = (size - start).bit_length() - 1
            nodes.append(self.node(level, start >> level))
            start += 1 << level
        return _folded(nodes)


class Tree(Subtrees):
    """Every perfect subtree's root in memory, one list per level.

    Appending costs one hash per leaf on average; memory is about two hashes per leaf.
    """

    __slots__ = ("_levels",)

    def __init__(self, leaf_hashes: Iterable[bytes] = ()) -> None:
        self._levels: list[list[bytes]] = [[]]
        self.extend(leaf_hashes)

    @property
    def size(self) -> int:
        """Number of leaves."""
        return len(self._levels[0])

    def node(self, level: int, index: int) -> bytes:
        """Return the root over leaves [index * 2^level, (index + 1) * 2^level), all of which the tree has."""
        return self._levels[level][index]

    def append(self, leaf: bytes) -> None:
        """Add one leaf hash (32 bytes) at index ``size``."""
        _require_hash(leaf)
        node = leaf
        for height, level in enumerate(self._levels):
            level.append(node)
            if len(level) & 1:
                return
            node = node_hash(level[-2], node)
            if height + 1 == len(self._levels):
                self._levels.append([node])
                return

    def extend(self, leaf_hashes: Iterable[bytes]) -> None:
        """Add leaf hashes in order."""
        for leaf in leaf_hashes:
            self.append(leaf)


def root_of(leaf_hashes: Iterable[bytes]) -> bytes:
    """Return the root over ``leaf_hashes`` in O(n) time and O(log n) memory."""
    return Frontier(leaf_hashes).root()


def inclusion_proof(leaf_hashes: Iterable[bytes], index: int, size: int) -> tuple[bytes, ...]:
    """Return PATH(index, D[size]) over the first ``size`` leaf hashes; for many, keep a ``Tree``."""
    return Tree(islice(leaf_hashes, size)).inclusion_proof(index, size)


def consistency_proof(leaf_hashes: Iterable[bytes], first: int, second: int) -> tuple[bytes, ...]:
    """Return PROOF(first, D[second]) over the first ``second`` leaf hashes; for many, keep a ``Tree``."""
    return Tree(islice(leaf_hashes, second)).consistency_proof(first, second)


def verify_inclusion(*, leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> None:
    """Prove that leaf hash ``leaf`` is at ``index`` of the tree of ``size`` leaves with this ``root``.

    Raises ``VerificationError`` with step "inclusion". RFC 9162 section 2.1.3.2.
    """
    # 1. Compare index with size.
    if not 0 <= index < size:
        raise VerificationError(f"there is no entry {index} in a tree of {size}", step="inclusion")
    _require_hashes((leaf, root, *proof), step="inclusion")
    # 2 and 3. Walk up from the leaf; fn and sn are the RFC's names.
    fn, sn = index, size - 1
    node = leaf
    # 4. Each hash of the proof joins on the side that the index says.
    for sibling in proof:
        if sn == 0:
            raise VerificationError("the inclusion proof goes on after the root", step="inclusion")
        if fn & 1 or fn == sn:
            node = node_hash(sibling, node)
            while not fn & 1 and fn:
                fn >>= 1
                sn >>= 1
        else:
            node = node_hash(node, sibling)
        fn >>= 1
        sn >>= 1
    # 5. The proof must end at the root, and the root be the one that was signed.
    if sn:
        raise VerificationError("the inclusion proof ends before the root", step="inclusion")
    if node != root:
        raise VerificationError("the inclusion proof leads to another root", step="inclusion")


def verify_consistency(
    *, first: int, first_root: bytes, second: int, second_root: bytes, proof: Sequence[bytes]
) -> None:
    """Prove that the tree of ``second`` leaves begins with the whole tree of ``first`` leaves.

    Raises ``VerificationError`` with step "consistency". RFC 9162 section 2.1.4.2, and two cases that it
    leaves out, both with an empty proof: equal sizes need equal roots, and every tree has the empty
    one as its beginning.
    """
    # 0. The sizes that the RFC's algorithm does not cover.
    if not 0 <= first <= second:
        raise VerificationError(f"no tree of {first} entries came before one of {second}", step="consistency")
    _require_hashes((first_root, second_root, *proof), step="consistency")
    if first in (0, second):
        if proof:
            raise VerificationError("the consistency proof should be empty here", step="consistency")
        if first_root != (EMPTY_ROOT if first == 0 else second_root):
            raise VerificationError(
                f"two different roots for the same {first} entries: one of the logs is forged",
                step="consistency",
            )
        return
    # 1. An empty proof proves nothing.
    if not proof:
        raise VerificationError("the consistency proof is empty", step="consistency")
    # 2. Where the first tree is one perfect subtree, its root begins the proof.
    path = list(proof) if first & (first - 1) else [first_root, *proof]
    # 3 and 4. Start at the largest perfect subtree that ends the first tree.
    fn, sn = first - 1, second - 1
    while fn & 1:
        fn >>= 1
        sn >>= 1
    # 5. Rebuild both roots from the same hashes.
    from_first = from_second = path[0]
    # 6. Hashes on the left belong to both trees, hashes on the right to the second only.
    for sibling in path[1:]:
        if sn == 0:
            raise VerificationError("the consistency proof goes on after the root", step="consistency")
        if fn & 1 or fn == sn:
            from_first = node_hash(sibling, from_first)
            from_second = node_hash(sibling, from_second)
            while not fn & 1 and fn:
                fn >>= 1
                sn >>= 1
        else:
            from_second = node_hash(from_second, sibling)
        fn >>= 1
        sn >>= 1
    # 7. Both roots must come out, and nothing be left over.
    if sn:
        raise VerificationError("the consistency proof ends before the root", step="consistency")
    if from_first != first_root:
        raise VerificationError(f"the first {first} entries are not those of the first tree", step="consistency")
    if from_second != second_root:
        raise VerificationError("the consistency proof leads to another root", step="consistency")


def _require_hashes(hashes: Sequence[bytes], *, step: str) -> None:
    for value in hashes:
        if len(value) != HASH_SIZE:
            raise VerificationError(f"a hash of {len(value)} bytes where {HASH_SIZE} are needed", step=step)
