"""Cases of who signed: keys, rotation, witnesses, checkpoints kept outside, timestamps."""

import base64
from collections.abc import Iterator
from typing import Any

from audits.merkle.encoding import to_base64
from tests.audits.conformance.case import Case
from tests.audits.conformance.world import STAMPED, World, written
from tests.audits.merkle.conftest import NEWER, OLDER, SIZE

OUTSIDE = ("older", "same", "newer")


def cases(world: World) -> Iterator[Case]:
    yield from _plain(world)
    yield from _rotation(world)
    yield from _witnesses(world)
    yield from _timestamps(world)


def _plain(world: World) -> Iterator[Case]:
    good = world.bundle()
    yield Case(name="good", what="Three entries of the log whose key you hold.", data=good)
    yield Case(name="good-without-key", what="It holds, but for some log: no key was given.", data=good, key=None)
    for which in OUTSIDE:
        what = f"A checkpoint kept outside, {which}, is of the same log."
        yield Case(name=f"good-outside-{which}", what=what, data=good, checkpoint=f"{which}.txt")
    what = "The checkpoint kept outside is of the empty log: that says nothing, and is no failure."
    yield Case(name="good-outside-empty", what=what, data=good, checkpoint="empty.txt")
    policy = Case(name="good-policy", what="The policy names the log.", data=good, key=None, policy="none.policy")
    yield policy
    what = "The policy names two logs; this is the second."
    yield Case(name="good-policy-of-two-logs", what=what, data=good, key=None, policy="two-logs.policy")
    what = "The policy names another log's key."
    yield Case(name="bad-policy-of-a-stranger", what=what, data=good, key=None, policy="stranger.policy", step="key")


def _rotation(world: World) -> Iterator[Case]:
    old, new = world.key.verifying_key.vkey, world.next.verifying_key.vkey

    def bundle(*, last: int = SIZE, signer: Any = world.rotated, **changed: Any) -> bytes:
        retired = [{"key": old, "last": last}]
        return written({**world.fields(key=new, retired_keys=retired, checkpoint=signer.checkpoint(SIZE)), **changed})

    yield Case(
        name="good-after-rotation",
        what="The present key signed; an older one is retired.",
        data=bundle(),
        key="next.vkey",
    )
    what = "The checkpoint kept outside is by the key that was retired since, within its last size."
    yield Case(name="good-outside-by-retired-key", what=what, data=bundle(), key="next.vkey", checkpoint="older.txt")
    what = "The newest checkpoint is still the retired key's last, and you trust that key."
    yield Case(name="good-signed-by-retired-key", what=what, data=bundle(signer=world.log))
    what = "The present key waits for its successor: it is retired too, at the size it signed."
    waiting = world.bundle(retired_keys=[{"key": old, "last": SIZE}])
    yield Case(name="good-key-waiting-for-successor", what=what, data=waiting)
    what = "A retired key signed beyond its last size: whoever found it can sign no newer log."
    data = bundle(signer=world.log, last=SIZE - 1)
    yield Case(name="bad-retired-key-beyond-its-last", what=what, data=data, step="checkpoint")
    yield Case(name="bad-retired-key-beyond-its-last-untrusted", what=what, data=data, step="checkpoint", key=None)
    what = "You trust the new key; only the retired one, which the bundle itself names, signed."
    yield Case(
        name="bad-only-retired-key-signed", what=what, data=bundle(signer=world.log), key="next.vkey", step="checkpoint"
    )
    what = "You trust the old key; the checkpoint is by the new one, which the bundle itself names."
    yield Case(name="bad-new-key-not-trusted", what=what, data=bundle(), step="checkpoint")
    what = "The checkpoint kept outside is by the retired key, beyond its last size."
    yield Case(
        name="bad-outside-by-retired-key-beyond-its-last",
        what=what,
        data=bundle(last=OLDER - 1),
        key="next.vkey",
        checkpoint="older.txt",
        step="outside",
    )
    what = "The checkpoint kept outside is by a key that nobody named."
    yield Case(
        name="bad-outside-by-next-key", what=what, data=world.bundle(), checkpoint="next-newer.txt", step="outside"
    )
    twice = [{"key": old, "last": SIZE}, {"key": old, "last": NEWER}]
    yield Case(
        name="bad-key-retired-twice",
        what="Which of the two sizes?",
        data=bundle(retired_keys=twice),
        key="next.vkey",
        step="key",
    )
    foreign = [{"key": world.witnesses["amber"].witness_key.vkey, "last": 3}]
    what = "A witness's key is no key of a log."
    yield Case(
        name="bad-retired-key-of-another-type",
        what=what,
        data=bundle(retired_keys=foreign),
        key="next.vkey",
        step="key",
    )
    for name, retired, what in (
        ("bad-retired-key-without-last", [{"key": old}], "How far it may have signed is missing."),
        ("bad-retired-key-last-negative", [{"key": old, "last": -1}], "No tree has that size."),
        ("bad-retired-key-last-text", [{"key": old, "last": "21"}], "A size is a number."),
        ("bad-retired-keys-unknown-field", [{"key": old, "last": 3, "why": ""}], "A field that nobody checks."),
    ):
        yield Case(name=name, what=what, data=bundle(retired_keys=retired), key="next.vkey", step="shape")


def _witnesses(world: World) -> Iterator[Case]:
    def case(name: str, what: str, note: str, policy: str, step: str | None = None, key: str | None = None) -> Case:
        return Case(name=name, what=what, data=world.bundle(checkpoint=note), policy=policy, step=step, key=key)

    two = world.cosigned("amber", "cedar")
    yield case("good-cosigned", "The witness that the policy asks for cosigned.", two, "amber.policy")
    yield case("good-cosigned-two-of-three", "Two of three witnesses cosigned.", two, "two.policy")
    yield case("good-cosigned-nested", "One of the north, and cedar: groups within groups.", two, "nested.policy")
    what = "The policy names witnesses only, and the key came by itself."
    yield case("good-cosigned-with-key", what, two, "witnesses-only.policy", key="log.vkey")
    what = "Cosignatures that no policy asks for are passed over."
    yield Case(name="good-cosigned-unasked", what=what, data=world.bundle(checkpoint=world.cosigned("unknown")))
    what = "A stranger's cosignature beside the one that counts is passed over."
    yield case("good-cosigned-by-a-stranger-too", what, world.cosigned("unknown", "amber"), "amber.policy")
    what = "The same witness cosigned twice; both hold."
    yield case("good-cosigned-twice", what, world.cosigned("amber", "amber"), "amber.policy")
    yield case("bad-not-cosigned", "Nobody cosigned.", world.log.checkpoint(SIZE), "amber.policy", "witnesses")
    what = "One of three cosigned, the policy asks for two."
    yield case("bad-cosigned-one-of-three", what, world.cosigned("birch"), "two.policy", "witnesses")
    what = "The same witness twice is one witness."
    yield case("bad-cosigned-twice-by-one", what, world.cosigned("birch", "birch"), "two.policy", "witnesses")
    what = "Both of the north, and not cedar."
    yield case("bad-cosigned-nested", what, world.cosigned("amber", "birch"), "nested.policy", "witnesses")
    what = "Only a witness that the policy does not know cosigned."
    yield case("bad-cosigned-by-a-stranger", what, world.cosigned("unknown"), "amber.policy", "witnesses")
    note = world.log.checkpoint(SIZE)
    line = world.cosigned("amber")[len(note) :]
    other = world.cosigned("amber", note=world.log.checkpoint(OLDER))[len(world.log.checkpoint(OLDER)) :]
    what = "The cosignature is of an older checkpoint."
    yield case("bad-cosignature-of-another-checkpoint", what, note + other, "amber.policy", "witnesses")
    for name, position, what in (
        ("bad-cosignature-time-changed", 4 + 7, "The time was put back; it is under the signature."),
        ("bad-cosignature-bit-flipped", -1, "One bit of the cosignature differs."),
    ):
        start, _, encoded = line.rstrip("\n").rpartition(" ")
        raw = bytearray(base64.b64decode(encoded))
        raw[position] ^= 1
        yield case(name, what, f"{note}{start} {to_base64(raw)}\n", "amber.policy", "witnesses")
    cut = f"{start} {to_base64(base64.b64decode(encoded)[:-1])}\n"
    yield case("bad-cosignature-cut-off", "A byte is missing.", note + cut, "amber.policy", "witnesses")
    what = "One cosignature of the witness holds, another does not."
    yield case("bad-cosignature-good-and-bad", what, note + line + cut, "amber.policy", "witnesses")
    what = "A bad cosignature of a witness that the quorum does not need."
    birch = world.cosigned("birch")[len(note) :].rstrip("\n")
    start, _, encoded = birch.rpartition(" ")
    raw = bytearray(base64.b64decode(encoded))
    raw[-1] ^= 1
    broken = f"{note}{line}{start} {to_base64(raw)}\n"
    yield case("bad-cosignature-not-needed", what, broken, "amber.policy", "witnesses")
    what = "The log is the policy's, but you hold the key of another one beside it, and that one did not sign."
    yield case("good-cosigned-and-a-foreign-key", what, two, "amber.policy", key="stranger.vkey")
    lines = "".join(world.cosigned("unknown")[len(note) :] for _ in range(100))
    what = "More signature lines than anybody reads."
    yield Case(
        name="bad-checkpoint-hundred-and-one-signatures",
        what=what,
        data=world.bundle(checkpoint=note + lines),
        step="checkpoint",
    )


def _timestamps(world: World) -> Iterator[Case]:
    token = to_base64(b"0\x03\x02\x01\x00")

    def bundle(note: str, **changed: Any) -> bytes:
        return world.bundle(timestamps=[{"checkpoint": note, "token": token}], **changed)

    what = "You trust no timestamp authority, so its token says nothing, and is no failure."
    yield Case(name="good-timestamp-unasked", what=what, data=bundle(world.log.checkpoint(SIZE)))
    what = "The timestamped checkpoint is older, and the bundle proves that the log only grew since."
    yield Case(name="good-timestamp-of-older", what=what, data=bundle(world.log.checkpoint(OLDER)))
    what = "The timestamped checkpoint is of another history."
    yield Case(
        name="bad-timestamp-of-a-fork", what=what, data=bundle(world.logs["forked"].checkpoint(SIZE)), step="timestamps"
    )
    what = "The timestamped checkpoint is of a stranger's log."
    yield Case(
        name="bad-timestamp-of-a-stranger",
        what=what,
        data=bundle(world.logs["stranger"].checkpoint(SIZE)),
        step="timestamps",
    )
    what = "The timestamped checkpoint is older, and nothing proves that the log only grew since."
    yield Case(
        name="bad-timestamp-without-consistency", what=what, data=bundle(world.log.checkpoint(12)), step="timestamps"
    )
    yield from _stamped(world)
    for name, entry, what in (
        ("bad-timestamp-token-not-base64", {"checkpoint": "", "token": "*"}, "The token has no bytes."),
        ("bad-timestamp-unknown-field", {"checkpoint": "", "token": token, "at": "2026"}, "A time that nobody checks."),
        ("bad-timestamp-without-checkpoint", {"token": token}, "Of what?"),
    ):
        yield Case(name=name, what=what, data=world.bundle(timestamps=[entry]), step="shape")


def _stamped(world: World) -> Iterator[Case]:
    older, same = world.log.checkpoint(OLDER), world.log.checkpoint(SIZE)
    altered = bytearray(base64.b64decode(STAMPED["same"]))
    altered[-1] ^= 1

    def case(name: str, what: str, note: str, token: str, *, roots: str = "tsa.pem", good: bool = False) -> Case:
        data = world.bundle(timestamps=[{"checkpoint": note, "token": token}])
        return Case(name=name, what=what, data=data, roots=roots, step=None if good else "timestamps")

    what = "An authority that you trust saw the checkpoint."
    yield case("good-timestamp", what, same, STAMPED["same"], good=True)
    what = "An authority that you trust saw an older checkpoint of the log."
    yield case("good-timestamp-older", what, older, STAMPED["older"], good=True)
    what = "Cosignatures that came after the timestamp do not matter to it."
    yield case("good-timestamp-cosigned-since", what, world.cosigned("amber"), STAMPED["same"], good=True)
    what = "The imprint is of another checkpoint."
    yield case("bad-timestamp-wrong-imprint", what, same, STAMPED["older"])
    what = "The token is by an authority under another root."
    yield case("bad-timestamp-authority-unknown", what, same, STAMPED["same"], roots="another-tsa.pem")
    what = "One bit of the token's signature differs."
    yield case("bad-timestamp-altered", what, same, to_base64(altered))
    what = "The token is no token."
    yield case("bad-timestamp-no-token", what, same, to_base64(b"0\x03\x02\x01\x00"))
    what = "You ask for a timestamp by naming roots, and the bundle holds none: that is said, and is no failure."
    yield Case(name="good-timestamp-missing", what=what, data=world.bundle(), roots="tsa.pem")
