"""Asks witnesses for cosignatures of a checkpoint, all at once, and keeps those that hold.

A witness that is slow, down or wrong is an alarm in the log and never more: nothing waits for it beyond a few seconds,
and it is left alone for a while. Never asks about a checkpoint that our keys have not signed.

c2sp.org/tlog-witness, c2sp.org/tlog-cosignature.
"""

import logging
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from django.db import DEFAULT_DB_ALIAS, connections
from django.db.models import Max

from audits.merkle.errors import VerificationError, excerpt
from audits.merkle.policy import Policy, PolicyWitness
from audits.merkle.tree import Subtrees
from audits.merkle.witnessing import AddCheckpoint, read_cosignatures, read_size
from audits.models.trail import Checkpoint, Cosignature
from audits.trail.keys import trail_keys
from audits.trail.publishing.cosigned import cosigned_note
from audits.trail.publishing.outgoing import NoAnswer, post

SECONDS = 3.0
"""What one request may take."""

_ALL_TOGETHER = 4.0  # Seconds that publishing waits for all of them.
_FIRST_REST, _LONGEST_REST = 2.0, 300.0  # Seconds that a witness which failed is left alone.
_LONGEST_ANSWER = 65_536

_log = logging.getLogger(__name__)


@dataclass
class _Standing:
    """What is known of one witness."""

    known: int
    failures: int = 0
    rests_until: float = 0.0
    said: str = ""
    asking: threading.Thread | None = None
    lines: list[tuple[int, str]] = field(default_factory=list)


class Witnesses:
    """The witnesses of a policy, asked again and again by one publisher. Called with each checkpoint."""

    def __init__(self, policy: Policy, *, using: str = DEFAULT_DB_ALIAS) -> None:
        self._policy = policy
        self._using = using
        self._lacking = False
        kept = dict(Cosignature.objects.using(using).values_list("witness").annotate(Max("size")))
        self._standing = {
            witness.name: _Standing(known=kept.get(witness.key.vkey, 0))
            for witness in policy.witnesses
            if witness.url is not None
        }

    def __call__(self, checkpoint: Checkpoint, tree: Subtrees) -> None:
        """Ask everybody who has not cosigned this checkpoint; keep what they answer. Never raises for them."""
        if not self._policy.witnesses:
            return
        have = set(
            Cosignature.objects.using(self._using).filter(size=checkpoint.size).values_list("witness", flat=True)
        )
        asked = [
            witness
            for witness in self._policy.witnesses
            if witness.name in self._standing and witness.key.vkey not in have and self._may_ask(witness)
        ]
        for witness in asked:
            standing = self._standing[witness.name]
            standing.asking = threading.Thread(
                target=self._ask,
                args=(witness, standing, checkpoint, tree),
                name=f"witness {witness.name}",
                daemon=True,
            )
            standing.asking.start()
        deadline = time.monotonic() + _ALL_TOGETHER
        for witness in asked:
            asking = self._standing[witness.name].asking
            if asking is not None:
                asking.join(max(0.0, deadline - time.monotonic()))
        self._keep(self._policy.witnesses)
        self._judge(checkpoint)

    def _may_ask(self, witness: PolicyWitness) -> bool:
        standing = self._standing[witness.name]
        if standing.asking is not None and standing.asking.is_alive():
            return False
        return time.monotonic() >= standing.rests_until

    def _ask(self, witness: PolicyWitness, standing: _Standing, checkpoint: Checkpoint, tree: Subtrees) -> None:
        """In a thread of its own: without the database."""
        try:
            line = _cosignature(witness, standing, checkpoint, tree)
        except (NoAnswer, VerificationError) as error:
            self._failed(witness, standing, error.message)
        except Exception as error:  # noqa: BLE001 - one witness's answer must not end the others'
            self._failed(witness, standing, f"{type(error).__name__}: {error}")
        else:
            if standing.said:
                _log.warning("The witness %s cosigns again.", witness.name)
            standing.failures, standing.said = 0, ""
            standing.known = checkpoint.size
            standing.lines.append((checkpoint.size, line))

    def _failed(self, witness: PolicyWitness, standing: _Standing, why: str) -> None:
        standing.failures += 1
        standing.rests_until = time.monotonic() + min(_FIRST_REST * 2 ** min(standing.failures, 10), _LONGEST_REST)
        if why != standing.said:
            _log.error("The witness %s does not cosign: %s", witness.name, why)
        standing.said = why

    def _keep(self, witnesses: Sequence[PolicyWitness]) -> None:
        with connections[self._using].cursor() as cursor:
            for witness in witnesses:
                standing = self._standing.get(witness.name)
                while standing is not None and standing.lines:
                    size, line = standing.lines.pop()
                    cursor.execute("SELECT audits_keep_cosignature(%s, %s, %s)", [size, witness.key.vkey, line])

    def _judge(self, checkpoint: Checkpoint) -> None:
        """Say once when the quorum is not met, and once when it is again."""
        judgement = self._policy.judge(cosigned_note(checkpoint), logs=trail_keys().all())
        if not judgement.quorum_met and not self._lacking:
            _log.error(
                "The checkpoint of %s entries lacks its quorum of witnesses: %s cosigned it. It is published all the "
                "same; verifiers that ask for the quorum refuse it.",
                checkpoint.size,
                ", ".join(judgement.witnesses) or "nobody",
            )
        elif judgement.quorum_met and self._lacking:
            _log.warning("The quorum of witnesses is met again.")
        self._lacking = not judgement.quorum_met


def _cosignature(witness: PolicyWitness, standing: _Standing, checkpoint: Checkpoint, tree: Subtrees) -> str:
    """The witness's line, with its newline. Raises NoAnswer or VerificationError."""
    for _ in range(2):
        old = standing.known
        if old > checkpoint.size:
            raise NoAnswer(
                f"it knows a log of {old} entries, ours has {checkpoint.size}: the database was rolled back, or "
                "somebody else signs with this key. Keep everything as it is, and call whoever audits it."
            )
        request = AddCheckpoint(
            old=old,
            proof=tree.consistency_proof(old) if 0 < old < checkpoint.size else (),
            note=checkpoint.note,
        )
        answer = post(
            f"{(witness.url or '').rstrip('/')}/add-checkpoint",
            request.format(),
            content_type="text/plain; charset=utf-8",
            seconds=SECONDS,
            limit=_LONGEST_ANSWER,
        )
        if answer.status == 200:
            found = read_cosignatures(answer.body, checkpoint.note, [witness.key])
            return found[0][2]
        if answer.status != 409:
            raise NoAnswer(f"HTTP {answer.status}: {excerpt(answer.body.decode('utf-8', 'replace'), 200)}")
        standing.known = read_size(answer.body)
        if standing.known == old:
            raise NoAnswer(
                f"it has cosigned another tree of {old} entries: this log was forked. Keep everything as it is, and "
                "call whoever audits it."
            )
    raise NoAnswer("it names another size each time it is asked.")
