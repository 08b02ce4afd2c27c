"""What reads untrusted bytes, with honest examples: for the suite's tests and for a coverage-guided fuzzer."""

import base64
import io
import json
from collections.abc import Callable
from dataclasses import dataclass

from audits.merkle.bundles import BundleEntry, build_bundle, verify_bundle
from audits.merkle.canonical import canonical_bytes, read_canonical
from audits.merkle.checkpoints import Checkpoint, open_checkpoint, sign_checkpoint
from audits.merkle.cosignatures import Cosigner, WitnessKey, cosign, verify_cosignature
from audits.merkle.errors import VerificationError
from audits.merkle.log_keys import parse_retired
from audits.merkle.notes import SigningKey, VerifyingKey, take_apart
from audits.merkle.policy import Policy
from audits.merkle.segments import verify_segment
from audits.merkle.tiles import parse_tile_path, read_entry_bundle, write_entry_bundle
from audits.merkle.timestamps import token_of_response, verify_timestamp
from audits.merkle.tlog_proof import verify_tlog_proof, write_tlog_proof
from audits.merkle.tree import Tree, leaf_hash, verify_consistency, verify_inclusion
from audits.merkle.witnessing import AddCheckpoint, examine, read_cosignatures, read_size

_LOG = SigningKey.from_raw("countersign.example/trail", bytes(range(32)))
_WITNESS = Cosigner.from_seed("witness.example", bytes(range(1, 33)))
_BODIES = [canonical_bytes({"act": {"id": str(n)}, "changes": [], "format": "countersign/entry/v1"}) for n in range(7)]
_TREE = Tree(leaf_hash(body) for body in _BODIES)
_NOTE = sign_checkpoint(Checkpoint(origin=_LOG.name, size=7, root=_TREE.root(7)), _LOG)
_COSIGNED = _NOTE + cosign(_NOTE, _WITNESS, at=1_700_000_000)
_POLICY = f"log {_LOG.verifying_key.vkey}\nwitness one {_WITNESS.witness_key.vkey}\nquorum one\n"


@dataclass(frozen=True, kw_only=True)
class Target:
    """``read`` takes anything and raises VerificationError at most; ``honest`` are bytes that it accepts."""

    read: Callable[[bytes], object]
    honest: tuple[bytes, ...] = ()


def _text(read: Callable[[str], object]) -> Callable[[bytes], object]:
    return lambda data: read(data.decode("utf-8", "replace"))


def _proofs(data: bytes) -> None:
    """Lengths and numbers from the first bytes, hashes from the rest."""
    index, size, *_ = (int.from_bytes(data[place : place + 9], "big", signed=True) for place in (0, 9))
    proof = [data[place : place + 32] for place in range(18, min(len(data), 18 + 32 * 80), 32)]
    for check in (
        lambda: verify_inclusion(leaf=data[:32], index=index, size=size, proof=proof, root=data[-32:]),
        lambda: verify_consistency(first=index, first_root=data[:32], second=size, second_root=data[-32:], proof=proof),
    ):
        try:
            check()
        except VerificationError:
            continue


def _segment(data: bytes) -> object:
    return verify_segment(io.BytesIO(data), [_LOG.verifying_key])


def _bundle() -> bytes:
    return build_bundle(
        key=_LOG.verifying_key,
        checkpoint=_COSIGNED,
        entries=[
            BundleEntry(index=index, body=_BODIES[index], proof=_TREE.inclusion_proof(index, 7)) for index in (1, 4)
        ],
        about={"subject": "x:1"},
    )


TARGETS: dict[str, Target] = {
    "bundle": Target(
        read=lambda data: verify_bundle(
            data, trusted_key=_LOG.verifying_key, outside_checkpoint=_NOTE, policy=Policy.parse(_POLICY)
        ),
        honest=(_bundle(),),
    ),
    "bundle without a key": Target(read=lambda data: verify_bundle(data, trusted_key=None), honest=(_bundle(),)),
    "canonical": Target(read=read_canonical, honest=tuple(_BODIES[:1])),
    "note": Target(read=take_apart, honest=(_NOTE.encode(), _COSIGNED.encode())),
    "checkpoint": Target(read=lambda data: open_checkpoint(data, _LOG.verifying_key), honest=(_NOTE.encode(),)),
    "key": Target(read=_text(VerifyingKey.parse), honest=(_LOG.verifying_key.vkey.encode(),)),
    "retired keys": Target(read=_text(parse_retired), honest=(f"{_LOG.verifying_key.vkey} 7\n".encode(),)),
    "witness key": Target(read=_text(WitnessKey.parse), honest=(_WITNESS.witness_key.vkey.encode(),)),
    "cosignature": Target(
        read=lambda data: verify_cosignature(data, _WITNESS.witness_key), honest=(_COSIGNED.encode(),)
    ),
    "policy": Target(read=Policy.parse, honest=(_POLICY.encode(),)),
    "receipt": Target(
        read=lambda data: verify_tlog_proof(data, _BODIES[3], Policy.parse(_POLICY)),
        honest=(write_tlog_proof(3, _TREE.inclusion_proof(3, 7), _COSIGNED).encode(),),
    ),
    "witness's request": Target(
        read=lambda data: (examine(data, [_LOG.verifying_key]), AddCheckpoint.parse(data)),
        honest=(AddCheckpoint(old=3, proof=tuple(_TREE.consistency_proof(3, 7)), note=_NOTE).format(),),
    ),
    "witness's answer": Target(
        read=lambda data: (read_cosignatures(data, _NOTE, [_WITNESS.witness_key]), read_size(data)),
    ),
    "tile path": Target(read=_text(parse_tile_path), honest=(b"tile/0/x001/234.p/5", b"tile/entries/000")),
    "entry bundle": Target(read=read_entry_bundle, honest=(write_entry_bundle(_BODIES),)),
    "segment": Target(read=_segment),
    "timestamp": Target(read=lambda data: verify_timestamp(data, _NOTE, [])),
    "timestamp response": Target(read=token_of_response),
    "proofs": Target(
        read=_proofs, honest=(b"\0" * 8 + b"\3" + b"\0" * 8 + b"\7" + b"".join(_TREE.inclusion_proof(3, 7)),)
    ),
}


def variants(honest: bytes) -> list[bytes]:
    """An honest example with its parts exchanged, as a start for a fuzzer."""
    found = [honest, honest[:-1], honest * 2]
    try:
        document = json.loads(honest)
    except ValueError:
        return found
    return [*found, json.dumps(document).encode(), base64.b64encode(honest)]
