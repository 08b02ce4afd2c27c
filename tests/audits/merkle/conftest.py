"""A small log with two honest checkpoints and a forger who has everything but the key."""

import json
from dataclasses import dataclass, field
from functools import cached_property

import pytest
from hypothesis import settings

from audits.merkle.bundles import BundleEntry, Consistency, build_bundle
from audits.merkle.canonical import canonical_bytes
from audits.merkle.checkpoints import Checkpoint, sign_checkpoint
from audits.merkle.notes import SigningKey
from audits.merkle.tree import Tree, leaf_hash

# Time per example says more about the neighbors on this machine than about the code.
settings.register_profile("merkle", deadline=None)
settings.load_profile("merkle")

ORIGIN = "countersign.example/trail"
OLDER, SIZE, NEWER = 13, 21, 25
SHOWN = (3, 7, 20)


def body(number: int) -> bytes:
    """An entry as the trail writes them."""
    return canonical_bytes(
        {
            "act": {
                "actor": f"user:{number}",
                "at": f"2026-11-30T19:36:{number:02d}.123456",
                "data": {"meaning": "I have reviewed the evidence"},
                "id": f"00000000-0000-7000-8000-0000000000{number:02d}",
                "kind": "governance.approval.granted",
                "reason": "Fairness within limits; groups are large enough",
                "subject": f"registry.modelversion:{number}",
                "via": "admin",
            },
            "changes": [
                {
                    "diff": {"granted": [False, True], "note": ["", "Zürich"]},
                    "key": str(number),
                    "op": "U",
                    "table": "governance_approval",
                }
            ],
            "format": "countersign/entry/v1",
            "transaction": f"1:{7300 + number}",
        }
    )


@dataclass(frozen=True, kw_only=True)
class Log:
    """A log that signs with ``key``; ``other`` entries are in place of the true ones where given."""

    key: SigningKey
    other: dict[int, bytes] = field(default_factory=dict)

    @cached_property
    def bodies(self) -> list[bytes]:
        return [self.other.get(number, body(number)) for number in range(NEWER)]

    @cached_property
    def tree(self) -> Tree:
        return Tree(leaf_hash(entry) for entry in self.bodies)

    def checkpoint(self, size: int) -> str:
        root = self.tree.root(size)
        return sign_checkpoint(Checkpoint(origin=self.key.name, size=size, root=root), self.key)

    def bundle(self) -> bytes:
        """Entries 3, 7 and 20 at size 21, with what is needed to compare with sizes 13 and 25."""
        tree, bodies = self.tree, self.bodies
        return build_bundle(
            key=self.key.verifying_key,
            checkpoint=self.checkpoint(SIZE),
            entries=[
                BundleEntry(index=index, body=bodies[index], proof=tree.inclusion_proof(index, SIZE)) for index in SHOWN
            ],
            about={"subject": "registry.modelversion:7"},
            consistency=[
                Consistency(first=first, second=second, proof=tree.consistency_proof(first, second))
                for first, second in ((OLDER, SIZE), (SIZE, NEWER))
            ],
        )

    def fields(self) -> dict[str, object]:
        loaded: dict[str, object] = json.loads(self.bundle())
        return loaded


@pytest.fixture(scope="session")
def log() -> Log:
    """The log that the verifier trusts."""
    return Log(key=SigningKey.from_raw(ORIGIN, bytes(range(32))))


@pytest.fixture(scope="session")
def forked() -> Log:
    """The same log, by its own operator with its own key, as shown to somebody else: entry 7 differs."""
    return Log(key=SigningKey.from_raw(ORIGIN, bytes(range(32))), other={7: body(8)})


@pytest.fixture(scope="session")
def stranger() -> Log:
    """A log of the same name and the same entries, with another key."""
    return Log(key=SigningKey.from_raw(ORIGIN, bytes(range(1, 33))))
