"""The verifier's own trust file: which logs, which witnesses, and how many of them make a checkpoint good.

It never takes a key from anything that is to be verified.

c2sp.org/tlog-policy. Bytes beyond ASCII are opaque, as it says: in names they come as UTF-8 with surrogate escapes.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NoReturn

from audits.merkle.checkpoints import Checkpoint
from audits.merkle.cosignatures import WitnessKey, times_of
from audits.merkle.errors import VerificationError, excerpt
from audits.merkle.notes import VerifyingKey, open_note, take_apart

MAX_POLICY_BYTES = 1_000_000
"""Longest policy file that is read."""

MAX_DEFINITIONS = 256
"""Most logs, most witnesses and most groups in one policy; the specification asks for at least 32 of each."""

_FORBIDDEN = re.compile(rb"[^\t\n\x20-\x7e\x80-\xff]")
_SPACES = re.compile(rb"[ \t]+")
_NUMBER = re.compile(r"[1-9][0-9]{0,2}")
_NONE = "none"


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
        data = text if isinstance(text, bytes) else text.encode("utf-8", "surrogateescape")
        if len(data) > MAX_POLICY_BYTES:
            raise VerificationError(f"a policy has at most {MAX_POLICY_BYTES} bytes", step="policy")
        # A file that was cut off within its last name could otherwise ask for another quorum.
        if not data.endswith(b"\n"):
            raise VerificationError("the policy does not end with a newline: it may have been cut off", step="policy")
        reading = _Reading()
        for number, line in enumerate(data[:-1].split(b"\n"), start=1):
            reading.line(number, line)
        return reading.policy()

    def format(self) -> str:
        """Return the file in its plainest spelling."""
        lines = [_joined("log", log.key.vkey, log.url) for log in self.logs]
        lines += [_joined("witness", item.name, item.key.vkey, item.url) for item in self.witnesses]
        lines += [_joined("group", group.name, str(group.threshold), *group.members) for group in self.groups]
        lines.append(_joined("quorum", self.quorum or _NONE))
        return "".join(f"{line}\n" for line in lines)

    def judge(self, note: str | bytes, *, logs: Sequence[VerifyingKey] = ()) -> Judgement:
        """Return what the policy says of a signed checkpoint; ``logs`` are trusted where the policy lists none.

        Raises ``VerificationError`` where no listed log signed it, or a signature of a known log or witness fails.
        """
        # 1. A log that is trusted signed it, in its own name.
        keys = [log.key for log in self.logs] or list(logs)
        opened = open_note(note, keys)
        checkpoint = Checkpoint.parse(opened.text)
        signers = {(signature.name, signature.key_id) for signature in opened.verified}
        log = next((key for key in keys if (key.name, key.key_id) in signers and key.name == checkpoint.origin), None)
        if log is None:
            raise VerificationError(
                f"the checkpoint is of the log {excerpt(checkpoint.origin)}, for which none of its signers speaks",
                step="checkpoint",
            )
        # 2. Every cosignature of a known witness holds.
        witnesses = {}
        text, signatures = take_apart(note)
        for witness in self.witnesses:
            if times := times_of(text, signatures, witness.key):
                witnesses[witness.name] = min(times)
        # 3. The quorum, from the definitions in order: a group stands behind its members.
        met = set(witnesses)
        for group in self.groups:
            if sum(member in met for member in group.members) >= group.threshold:
                met.add(group.name)
        return Judgement(
            checkpoint=checkpoint,
            log=log,
            witnesses=witnesses,
            quorum_met=self.quorum is None or self.quorum in met,
        )

    def require(self, note: str | bytes, *, logs: Sequence[VerifyingKey] = ()) -> Judgement:
        """As ``judge``, but raise ``VerificationError`` with step "policy" also where the quorum is not met."""
        judgement = self.judge(note, logs=logs)
        if not judgement.quorum_met:
            cosigned = ", ".join(excerpt(name) for name in judgement.witnesses) or "nobody"
            raise VerificationError(
                f"the policy asks for the quorum {excerpt(self.quorum or '')}; cosigned by {cosigned}", step="policy"
            )
        return judgement


class _Reading:
    """A policy as far as it has been read."""

    def __init__(self) -> None:
        self._number = 0
        self._logs: list[PolicyLog] = []
        self._witnesses: list[PolicyWitness] = []
        self._groups: list[PolicyGroup] = []
        self._quorum: list[str] = []
        self._defined: set[str] = set()
        self._public: set[tuple[str, bytes]] = set()
        self._members: set[str] = set()

    def line(self, number: int, line: bytes) -> None:
        self._number = number
        if _FORBIDDEN.search(line):
            self._refuse("a control character that is neither tab nor newline")
        words = [word.decode("utf-8", "surrogateescape") for word in _SPACES.split(line) if word]
        if not words or words[0].startswith("#"):
            return
        keyword, *rest = words
        if keyword == "log" and len(rest) in (1, 2):
            self._log(*rest)
        elif keyword == "witness" and len(rest) in (2, 3):
            self._witness(*rest)
        elif keyword == "group" and len(rest) >= 3:
            self._group(rest[0], rest[1], rest[2:])
        elif keyword == "quorum" and len(rest) == 1:
            self._take_quorum(rest[0])
        else:
            self._refuse(
                "not one of: log VKEY [URL]; witness NAME VKEY [URL]; group NAME all|any|NUMBER NAME...; quorum NAME"
            )

    def policy(self) -> Policy:
        if not self._quorum:
            raise VerificationError("the policy has no quorum line; `quorum none` asks for no witness", step="policy")
        return Policy(
            logs=tuple(self._logs),
            witnesses=tuple(self._witnesses),
            groups=tuple(self._groups),
            quorum=None if self._quorum[0] == _NONE else self._quorum[0],
        )

    def _log(self, vkey: str, url: str | None = None) -> None:
        try:
            key = VerifyingKey.parse(vkey)
        except VerificationError as error:
            self._refuse(error.message)
        self._once("log", key.public)
        self._logs.append(PolicyLog(key=key, url=url))
        self._limit("logs", len(self._logs))

    def _witness(self, name: str, vkey: str, url: str | None = None) -> None:
        try:
            key = WitnessKey.parse(vkey)
        except VerificationError as error:
            self._refuse(error.message)
        self._once("witness", key.public)
        self._define(name)
        self._witnesses.append(PolicyWitness(name=name, key=key, url=url))
        self._limit("witnesses", len(self._witnesses))

    def _group(self, name: str, wanted: str, members: list[str]) -> None:
        for member in members:
            if member not in self._defined:
                self._refuse(f"{excerpt(member)} is not defined above")
            # One witness must not count twice, however the groups are nested.
            if member in self._members:
                self._refuse(f"{excerpt(member)} is in a group already")
            self._members.add(member)
        if wanted in ("all", "any"):
            threshold = len(members) if wanted == "all" else 1
        elif _NUMBER.fullmatch(wanted) and int(wanted) <= len(members):
            threshold = int(wanted)
        else:
            self._refuse(f"a group asks for all, any, or 1 to {len(members)} of its members, not {excerpt(wanted)}")
        self._define(name)
        self._groups.append(PolicyGroup(name=name, threshold=threshold, members=tuple(members)))
        self._limit("groups", len(self._groups))

    def _take_quorum(self, name: str) -> None:
        if self._quorum:
            self._refuse("a second quorum line")
        if name != _NONE and name not in self._defined:
            self._refuse(f"{excerpt(name)} is not defined above")
        self._quorum.append(name)

    def _define(self, name: str) -> None:
        if name == _NONE or name in self._defined:
            self._refuse(f"the name {excerpt(name)} is taken")
        self._defined.add(name)

    def _once(self, kind: str, public: bytes) -> None:
        if (kind, public) in self._public:
            self._refuse(f"this {kind}'s public key stands above already")
        self._public.add((kind, public))

    def _limit(self, what: str, count: int) -> None:
        if count > MAX_DEFINITIONS:
            self._refuse(f"a policy has at most {MAX_DEFINITIONS} {what}")

    def _refuse(self, why: str) -> NoReturn:
        raise VerificationError(f"line {self._number} of the policy: {why}", step="policy")


def _joined(*words: str | None) -> str:
    return " ".join(word for word in words if word is not None)
