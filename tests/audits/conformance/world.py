"""The logs, keys, witnesses and policies of the conformance cases. Every secret here is public."""

import json
from pathlib import Path
from typing import Any

from audits.merkle.checkpoints import Checkpoint, sign_checkpoint
from audits.merkle.cosignatures import Cosigner, cosign
from audits.merkle.encoding import to_base64
from audits.merkle.notes import SigningKey
from audits.merkle.tree import leaf_hash, node_hash
from tests.audits.merkle.conftest import NEWER, OLDER, ORIGIN, SIZE, Log, body

FOLDER = Path(__file__).resolve().parents[3] / "fixtures" / "conformance"
SIZES = {"older": OLDER, "same": SIZE, "newer": NEWER}
# 2026-11-30T20:00:00Z
SEEN = 1796068800
# Made once with `openssl ts` over the honest checkpoints: an authority's signature is another each time.
STAMPED: dict[str, str] = json.loads((Path(__file__).parent / "timestamps.json").read_bytes())


class World:
    """The trusted log, its fork, a stranger's, one after a rotation of keys; three witnesses and a stranger's."""

    def __init__(self) -> None:
        self.key = SigningKey.from_raw(ORIGIN, bytes(range(32)))
        self.next = SigningKey.from_raw(ORIGIN, bytes(range(2, 34)))
        self.log = Log(key=self.key)
        self.rotated = Log(key=self.next)
        self.logs = {
            "log": self.log,
            "forked": Log(key=self.key, other={7: body(8)}),
            "stranger": Log(key=SigningKey.from_raw(ORIGIN, bytes(range(1, 33)))),
        }
        self.witnesses = {
            name: Cosigner.from_seed(f"{name}.example/witness", bytes([number]) * 32)
            for number, name in enumerate(("amber", "birch", "cedar", "unknown"), start=65)
        }

    def cosigned(self, *names: str, note: str | None = None) -> str:
        """The honest checkpoint with the lines of these witnesses."""
        note = self.log.checkpoint(SIZE) if note is None else note
        lines = [cosign(note, self.witnesses[name], at=SEEN + place) for place, name in enumerate(names)]
        return note + "".join(lines)

    def fields(self, **changed: Any) -> dict[str, Any]:
        """The honest bundle, with fields changed; None takes a field away."""
        fields = {**self.log.fields(), **changed}
        return {name: value for name, value in fields.items() if value is not None}

    def bundle(self, **changed: Any) -> bytes:
        return written(self.fields(**changed))

    def of_bodies(self, *bodies: bytes, contents: dict[int, str] | None = None) -> dict[str, Any]:
        """A bundle of a log that holds these bodies after five ordinary ones."""
        log = Log(key=self.key, other={5 + number: given for number, given in enumerate(bodies)})
        entries = []
        for number, given in enumerate(bodies):
            index = 5 + number
            entry = {
                "index": index,
                "body": given.decode(),
                "proof": [to_base64(node) for node in log.tree.inclusion_proof(index, SIZE)],
            }
            if contents and number in contents:
                entry["content"] = contents[number]
            entries.append(entry)
        return self.fields(checkpoint=log.checkpoint(SIZE), entries=entries, consistency=None)

    def huge(self, index: int, size: int) -> dict[str, Any]:
        """A bundle of one entry far out in a log that nobody could hold: only the path to it is needed."""
        node, proof, fn, sn = leaf_hash(body(3)), [], index, size - 1
        while sn:
            # RFC 9162, section 2.1.3.2, with a sibling made up wherever one is due.
            if fn & 1 or fn != sn:
                sibling = leaf_hash(b"%d" % len(proof))
                proof.append(to_base64(sibling))
                node = node_hash(sibling, node) if fn & 1 else node_hash(node, sibling)
            fn >>= 1
            sn >>= 1
        checkpoint = sign_checkpoint(Checkpoint(origin=ORIGIN, size=size, root=node), self.key)
        entry = {"index": index, "body": body(3).decode(), "proof": proof}
        return self.fields(checkpoint=checkpoint, entries=[entry], consistency=None)

    def files(self) -> dict[str, bytes]:
        """What verifiers trust, by file name."""
        texts = {
            "log.vkey": self.key.verifying_key.vkey + "\n",
            "next.vkey": self.next.verifying_key.vkey + "\n",
            "stranger.vkey": self.logs["stranger"].key.verifying_key.vkey + "\n",
        }
        for whose, log in self.logs.items():
            before = "" if whose == "log" else f"{whose}-"
            texts |= {f"{before}{which}.txt": log.checkpoint(size) for which, size in SIZES.items()}
        texts["empty.txt"] = self.log.checkpoint(0)
        texts["next-newer.txt"] = self.rotated.checkpoint(NEWER)
        texts |= {"tsa.pem": STAMPED["root"], "another-tsa.pem": STAMPED["other_root"]}
        texts |= self._policies()
        return {name: text.encode() for name, text in texts.items()}

    def _policies(self) -> dict[str, str]:
        log, stranger = self.key.verifying_key.vkey, self.logs["stranger"].key.verifying_key.vkey
        three = "".join(
            f"witness {name} {self.witnesses[name].witness_key.vkey}\n" for name in ("amber", "birch", "cedar")
        )
        return {
            "none.policy": f"log {log}\nquorum none\n",
            "amber.policy": f"# One witness is enough.\nlog {log}\n{three}quorum amber\n",
            "two.policy": f"log {log}\n{three}group two 2 amber birch cedar\nquorum two\n",
            "nested.policy": f"log {log}\n{three}group north any amber birch\ngroup all all north cedar\nquorum all\n",
            "witnesses-only.policy": f"{three}group any-one any amber birch cedar\nquorum any-one\n",
            "two-logs.policy": f"log {stranger}\nlog {log} https://log.example/\nquorum none\n",
            "stranger.policy": f"log {stranger}\nquorum none\n",
        }


def written(fields: dict[str, Any]) -> bytes:
    """The bundle as a file."""
    return json.dumps(fields, ensure_ascii=False, indent=1).encode() + b"\n"
