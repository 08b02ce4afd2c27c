"""The verifier's own trust file: which logs, which witnesses, and how many of them make a checkpoint good.

It never takes a key from anything that is to be verified.

c2sp.org/tlog-policy.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from audits.merkle.checkpoints import Checkpoint
from audits.merkle.cosignatures import WitnessKey
from audits.merkle.notes import VerifyingKey


@dataclass(frozen=True, kw_only=True)
class PolicyLog:
    """A log that is trusted, and where to reach it."""

    key: VerifyingKey
    url: str | None = None


@dataclass(frozen=True, kw_only=True)
class PolicyWitness:
    """A witness by its name in the policy, and where to reach it."""

    name: str
    key: WitnessKey
    url: str | None = None


@dataclass(frozen=True, kw_only=True)
class PolicyGroup:
    """A group that has witnessed a checkpoint when ``threshold`` of its ``members`` have."""

    name: str
    threshold: int
    members: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """A checkpoint that ``log`` signed: who cosigned it (name in the policy: Unix time), and whether that is enough."""

    checkpoint: Checkpoint
    log: VerifyingKey
    witnesses: Mapping[str, int]
    quorum_met: bool


@dataclass(frozen=True, kw_only=True)
class Policy:
    """Logs, witnesses and groups in the file's order; ``quorum`` names a witness or group, None asks for none."""

    logs: tuple[PolicyLog, ...]
    witnesses: tuple[PolicyWitness, ...]
    groups: tuple[PolicyGroup, ...]
    quorum: str | None

    @classmethod
    def parse(cls, text: str | bytes) -> "Policy":
        """Read a policy file; raise ``VerificationError`` with step "policy", which names the line."""
        raise NotImplementedError

    def format(self) -> str:
        """Return the file in its plainest spelling."""
        raise NotImplementedError

    def judge(self, note: str | bytes, *, logs: Sequence[VerifyingKey] = ()) -> Judgement:
        """Return what the policy says of a signed checkpoint; ``logs`` are trusted where the policy lists none.

        Raises ``VerificationError`` where no listed log signed it, or a signature of a known log or witness fails.
        """
        raise NotImplementedError

    def require(self, note: str | bytes, *, logs: Sequence[VerifyingKey] = ()) -> Judgement:
        """As ``judge``, but raise ``VerificationError`` with step "policy" also where the quorum is not met."""
        raise NotImplementedError
