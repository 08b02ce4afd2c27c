"""Reads the log: entries by act, by subject, by row; checkpoints, proofs, bundles, and texts behind commitments.

Never writes, and never gives out a proof or a text that does not hold.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from django.db import connection
from django.db.models import Q, QuerySet
from django.db.models.expressions import RawSQL

from audits.errors import NotFound
from audits.merkle.bundle_shape import MAX_BUNDLE_BYTES
from audits.merkle.bundles import BundleEntry, Consistency, RetiredKey, build_bundle
from audits.merkle.bundles import Timestamp as Stamp
from audits.merkle.canonical import Json
from audits.merkle.log_keys import TrailKeys
from audits.merkle.tlog_proof import write_tlog_proof
from audits.merkle.tree import Subtrees
from audits.models.trail import Checkpoint, Disclosure, Entry, Timestamp
from audits.trail.disclosure import commitment_of, commitments_in
from audits.trail.entries import content_of, stated_content
from audits.trail.keys import NoTrailKey, trail_keys
from audits.trail.publishing.cosigned import cosigned_note
from audits.trail.publishing.proofs import Answer, proved
from audits.trail.publishing.source import tile_files

_IS_OF_ACT = "(audits_entry.epoch, audits_entry.xid) = (SELECT a.epoch, a.xid FROM audits_act a WHERE a.id = %s)"


@dataclass(frozen=True, kw_only=True)
class Receipt:
    """What somebody can be given for an act. ``index``, ``proof`` and ``checkpoint`` come once it is sequenced."""

    act_id: UUID
    index: int | None
    leaf_hash: bytes | None
    proof: tuple[bytes, ...]
    checkpoint: str


def entry_of_act(act_id: UUID) -> Entry | None:
    """The entry that the act became; None while it waits for the sequencer."""
    return Entry.objects.extra(where=[_IS_OF_ACT], params=[act_id]).first()  # noqa: S610 - a constant


def latest_checkpoint() -> Checkpoint | None:
    """The newest checkpoint that a key of ours signed; None before the first. Others in the table are passed over."""
    keys = trail_keys()
    for checkpoint in Checkpoint.objects.order_by("-size").iterator(chunk_size=10):
        if is_signed_as(checkpoint, keys):
            return checkpoint
    return None


def size_of_log() -> int:
    """How many entries there are."""
    last = Entry.objects.order_by("-index").values_list("index", flat=True).first()
    return 0 if last is None else last + 1


def smallest_checkpoint_over(size: int) -> int | None:
    """The size of the smallest checkpoint of ours that covers ``size`` entries; None while none does.

    None as well where this process has no key to tell ours by.
    """
    try:
        keys = trail_keys()
    except NoTrailKey:
        return None
    for checkpoint in Checkpoint.objects.filter(size__gte=size).order_by("size").iterator(chunk_size=10):
        if is_signed_as(checkpoint, keys):
            return checkpoint.size
    return None


def is_signed_as(checkpoint: Checkpoint, keys: TrailKeys) -> bool:
    """Whether one of our keys signed the note, and the note says what the row says."""
    try:
        signed = keys.open(checkpoint.note)
    except ValueError:
        return False
    return signed.size == checkpoint.size and signed.root == bytes(checkpoint.root)


def pending_acts() -> int:
    """How many committed acts are not yet under a signed checkpoint."""
    checkpoint = latest_checkpoint()
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM audits_act a LEFT JOIN audits_entry e ON e.epoch = a.epoch AND e.xid = a.xid"
            " WHERE e.index IS NULL OR e.index >= %s",
            [0 if checkpoint is None else checkpoint.size],
        )
        (waiting,) = cursor.fetchone()
    return int(waiting)


def prove(size: int, ask: Callable[[Subtrees], Answer]) -> Answer:
    """What ``ask`` answers from the tree, proved to the newest checkpoint where that covers ``size`` entries.

    Reads tiles: its cost does not grow with the log. The tree may be larger, so name sizes. Raises NotFound.
    """
    newest = latest_checkpoint()
    if newest is None or newest.size < size:
        return proved(size, ask, root=None)
    return proved(newest.size, ask, root=bytes(newest.root))


def inclusion_proof(index: int, size: int) -> tuple[bytes, ...]:
    """The proof that entry ``index`` is in the log of ``size`` entries (RFC 9162, 2.1.3). Raises NotFound."""
    return inclusion_proofs([index], size)[index]


def inclusion_proofs(indexes: Collection[int], size: int) -> dict[int, tuple[bytes, ...]]:
    """The proofs of several entries in the log of ``size`` entries, by index. Raises NotFound."""
    beyond = [index for index in indexes if not 0 <= index < size]
    if beyond:
        raise NotFound(f"There is no entry {beyond[0]} in a log of {size}.")
    if not indexes:
        return {}
    return prove(size, lambda tree: {index: tree.inclusion_proof(index, size) for index in indexes})


def checkpoint_to_show(*, covering: int) -> Checkpoint | None:
    """The checkpoint to prove things against: the published one, which witnesses saw, if it has ``covering`` entries.

    Else the newest; None where no checkpoint covers them.
    """
    keys, note = trail_keys(), tile_files().checkpoint()
    if note is not None and keys.signed(note):
        published = Checkpoint.objects.filter(size=keys.open(note).size, size__gte=covering).first()
        if published is not None and is_signed_as(published, keys):
            return published
    newest = latest_checkpoint()
    return newest if newest is not None and newest.size >= covering else None


def tlog_proof(act_id: UUID) -> str:
    """The act's receipt as a tlog-proof: index, inclusion proof, checkpoint with its cosignatures. Raises NotFound."""
    entry = entry_of_act(act_id)
    checkpoint = None if entry is None else checkpoint_to_show(covering=entry.index + 1)
    if entry is None or checkpoint is None:
        raise NotFound(f"No checkpoint covers the act {act_id} yet: ask again in a second, or check the id.")
    return write_tlog_proof(entry.index, inclusion_proof(entry.index, checkpoint.size), cosigned_note(checkpoint))


def receipt(act_id: UUID) -> Receipt:
    """The act's place in the log with its proof against the newest checkpoint, as far as it has them."""
    entry, checkpoint = entry_of_act(act_id), latest_checkpoint()
    if entry is None:
        return Receipt(act_id=act_id, index=None, leaf_hash=None, proof=(), checkpoint="")
    leaf = bytes(entry.leaf_hash)
    if checkpoint is None or checkpoint.size <= entry.index:
        return Receipt(act_id=act_id, index=entry.index, leaf_hash=leaf, proof=(), checkpoint="")
    proof = inclusion_proof(entry.index, checkpoint.size)
    return Receipt(act_id=act_id, index=entry.index, leaf_hash=leaf, proof=proof, checkpoint=checkpoint.note)


def entries_about(
    subjects: Iterable[str], *, rows: Iterable[tuple[str, str]] = (), released: Collection[int] = ()
) -> QuerySet[Entry]:
    """Entries whose subject is one of these, or that changed one of these rows (table and key), oldest first.

    What changed a row and has left the database since is not among them, but for the indexes in ``released``.
    """
    about = Q(subject__in=list(subjects))
    if released:
        about |= Q(index__in=list(released))
    wanted = list(rows)
    if wanted:
        touched = RawSQL(
            "SELECT e.index FROM audits_change c JOIN audits_entry e ON e.epoch = c.epoch AND e.xid = c.xid"
            " JOIN unnest(%s::text[], %s::text[]) AS w (tbl, key) ON c.tbl = w.tbl AND c.key = w.key",
            ([table for table, _ in wanted], [key for _, key in wanted]),
        )
        about |= Q(index__in=touched)
    return Entry.objects.filter(about).order_by("index")


def bundle_of(
    indexes: Iterable[int],
    *,
    about: Mapping[str, Json] | None = None,
    since: Sequence[int] = (),
    selection: Mapping[str, Json] | None = None,
) -> bytes:
    """The proof bundle of these entries against the newest checkpoint; ``selection`` is what was asked for.

    ``since``: sizes of older checkpoints that a reader may hold; the bundle then proves that the log only grew.
    Raises NotFound for an entry that no checkpoint covers yet, or whose file the archive lacks.
    """
    wanted = sorted(set(indexes))
    checkpoint = checkpoint_to_show(covering=max(wanted, default=0) + 1) or latest_checkpoint()
    if checkpoint is None:
        raise NotFound("Nothing is signed yet: wait for the sequencer, or run ./run verify.")
    found = {entry.index: entry for entry in Entry.objects.filter(index__in=wanted, index__lt=checkpoint.size)}
    missing = [index for index in wanted if index not in found]
    if missing:
        raise NotFound(
            f"Entry {missing[0]} is not covered by a checkpoint (the newest has {checkpoint.size} entries): "
            "wait a second, or check the index."
        )
    absent = next((entry for entry in found.values() if entry.not_at_hand), None)
    if absent is not None:
        raise NotFound(absent.not_at_hand)
    stamps = stamps_for(wanted, checkpoint)
    older = sorted(size for size in {*since, *(size for size, _ in stamps)} if 0 < size < checkpoint.size)
    proofs, steps = prove(
        checkpoint.size,
        lambda tree: (
            {index: tree.inclusion_proof(index, checkpoint.size) for index in wanted},
            {size: tree.consistency_proof(size, checkpoint.size) for size in older},
        ),
    )
    keys = trail_keys()
    contents = _fitting_contents(found)
    return build_bundle(
        key=keys.present,
        retired_keys=[RetiredKey(key=retired.key.vkey, last=retired.last) for retired in keys.retired],
        checkpoint=cosigned_note(checkpoint),
        entries=[
            BundleEntry(index=index, body=bytes(found[index].body), proof=proofs[index], content=contents.get(index))
            for index in wanted
        ],
        about=about or {},
        selection=selection,
        consistency=[Consistency(first=size, second=checkpoint.size, proof=proof) for size, proof in steps.items()],
        timestamps=[stamp for _, stamp in stamps],
    )


def stamps_for(indexes: Sequence[int], checkpoint: Checkpoint) -> list[tuple[int, Stamp]]:
    """The timestamps that say most about these entries: of each authority the first that covers them all, by size.

    Only of checkpoints of ours that ``checkpoint`` follows.
    """
    keys, found = trail_keys(), []
    covering = Timestamp.objects.filter(size__gt=max(indexes, default=0), size__lte=checkpoint.size)
    for row in covering.order_by("authority", "size").distinct("authority"):
        stamped = Checkpoint.objects.filter(size=row.size).first()
        if stamped is not None and is_signed_as(stamped, keys):
            found.append((row.size, Stamp(checkpoint=stamped.note, token=bytes(row.token))))
    return sorted(found, key=lambda item: item[0])


def _fitting_contents(found: Mapping[int, Entry]) -> dict[int, bytes]:
    """What is kept beside entries, as far as a bundle has room; a verifier says of which it was not given."""
    contents: dict[int, bytes] = {}
    # Escaping within JSON takes up to a third more.
    room = (MAX_BUNDLE_BYTES * 3) // 4 - sum(len(entry.body) + 1500 for entry in found.values())
    for index in sorted(found):
        stated = stated_content(bytes(found[index].body))
        if stated is None or stated.length > room:
            continue
        content = content_of(found[index])
        if content is not None:
            contents[index] = content
            room -= len(content)
    return contents


def disclosures_of(entries: Iterable[Entry]) -> dict[str, str]:
    """The texts behind the commitments in these entries, by commitment, each checked against it.

    A text that was erased, or that is not the one committed to, is left out.
    """
    return texts_behind(
        {commitment for entry in entries for commitment in commitments_in(bytes(entry.body), content_of(entry))}
    )


def texts_behind(commitments: Collection[str]) -> dict[str, str]:
    """The texts behind these commitments, each checked against it; without those that were erased or exchanged."""
    if not commitments:
        return {}
    return {
        found.commitment: found.value
        for found in Disclosure.objects.filter(commitment__in=commitments)
        if commitment_of(bytes(found.salt), found.value) == found.commitment
    }
