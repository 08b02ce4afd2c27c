"""The witness's one act: examine a checkpoint, compare it with what is known, store it, cosign it.

It never cosigns what it has not stored, and never lets two requests for one log do this at the same time.
"""

import logging
import time
from collections.abc import Callable, Sequence
from threading import Lock

from audits.merkle.cosignatures import Cosigner, cosign
from audits.merkle.notes import VerifyingKey, open_note, signature_line
from audits.merkle.witnessing import Answer, Asked, decide, examine, is_fork
from governance.witness.state import DamagedStateError, State

logger = logging.getLogger(__name__)


class Witness:
    """Cosigns with every key of ``keys`` for the logs whose keys are ``logs``, remembering in ``state``."""

    def __init__(
        self,
        *,
        keys: Sequence[Cosigner],
        logs: Sequence[VerifyingKey],
        state: State,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._keys = tuple(keys)
        self._logs = tuple(logs)
        self._state = state
        self._clock = clock
        # One for each log that is known, so that strangers cannot make any.
        self._locks = {key.name: Lock() for key in self._logs}

    def add_checkpoint(self, body: bytes) -> Answer:
        """Return the answer to a request of c2sp.org/tlog-witness; 500 where the state cannot be kept."""
        examined = examine(body, self._logs)
        if isinstance(examined, Answer):
            return examined
        origin = examined.checkpoint.origin
        # 1. From here to the cosignature nobody else may look at this log.
        with self._locks[origin]:
            try:
                answer = self._decided(examined)
            except (OSError, DamagedStateError):
                logger.exception("The state of %a could not be read or kept", origin)
                return Answer(status=500, body=b"the witness cannot keep its state; its operator has to look\n")
        logger.info("%a: old %d, size %d: %d", origin, examined.request.old, examined.checkpoint.size, answer.status)
        return answer

    def description(self) -> str:
        """Return what anyone may know: the public keys and the last sizes."""
        lines = ["A witness of transparency logs (c2sp.org/tlog-witness).", "", "Its keys:"]
        lines += [f"  {key.witness_key.vkey}" for key in self._keys]
        lines += ["", "The logs that it follows, each with the size that it cosigned last:"]
        lines += [f"  {ascii(origin)[1:-1]} {self._size(origin)}" for origin in sorted(self._locks)]
        return "\n".join(lines) + "\n"

    def _size(self, origin: str) -> str:
        try:
            return str(self._state.known(origin).size)
        except (OSError, DamagedStateError):
            return "unknown"

    def _decided(self, asked: Asked) -> Answer:
        checkpoint, origin = asked.checkpoint, asked.checkpoint.origin
        # 2. What is on the disk counts.
        known = self._state.known(origin)
        answer = decide(asked, known)
        if answer.status != 200:
            if is_fork(asked, known):
                kept = self._state.keep_fork(origin, self._signed(asked))
                logger.error("FORK: %a signed another root for size %d; kept in %s", origin, known.size, kept)
            return answer
        # 3. Stored before it is cosigned, and cosigned before a later one can be.
        if checkpoint.size != known.size:
            self._state.keep(origin, self._signed(asked))
        at = int(self._clock())
        lines = "".join(cosign(asked.request.note, key, at=at) for key in self._keys)
        return Answer(status=200, body=lines.encode("utf-8"), checkpoint=checkpoint)

    def _signed(self, asked: Asked) -> str:
        """Return the note with the log's own signatures only: the rest may be anything."""
        origin = asked.checkpoint.origin
        note = open_note(asked.request.note, [key for key in self._logs if key.name == origin])
        return f"{note.text}\n" + "".join(
            signature_line(signature.name, signature.key_id, signature.value) for signature in note.verified
        )
