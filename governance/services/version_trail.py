"""The part of the trail that is about one version: its acts, those on its model, data, evidence and rules, with proofs.

Must never leave an entry out silently: acts that are not yet in the log are counted.
"""

import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass

import orjson
from django.db import connection, models

from audits.errors import Conflict
from audits.merkle.canonical import Json
from audits.merkle.errors import VerificationError
from audits.models import Checkpoint, Entry, Evidence
from audits.trail.act import subject_of
from audits.trail.log import bundle_of, disclosures_of, entries_about, latest_checkpoint
from governance.models import Checklist, Policy
from registry.models import DatasetVersion, ModelVersion
from registry.services.assessments import SUBJECT_KIND

PATIENCE = 3.0
"""Seconds that reading waits for the sequencer to take up acts that were committed just now."""

_PAUSE = 0.1

_WAITING = """
SELECT count(*) FROM audits_act a
WHERE a.subject = ANY (%s) AND NOT EXISTS (SELECT FROM audits_entry e WHERE e.epoch = a.epoch AND e.xid = a.xid)
"""

# A row is also in the entries that took a snapshot of its table; only one is that of its making.
_ENTRY_OF_ROWS = """
SELECT c.key, max(e.index) FROM audits_change c JOIN audits_entry e ON e.epoch = c.epoch AND e.xid = c.xid
WHERE c.tbl = %s AND c.op = 'I' AND c.key = ANY (%s) AND e.index < %s GROUP BY c.key
"""


class NothingSequenced(Conflict):
    """The log has no checkpoint yet, so nothing in it can be proved."""

    code = "nothing_sequenced"


class LogDamaged(Conflict):
    """The log does not hold: what is stored is not what was signed. Nothing is proved by it."""

    code = "log_damaged"


@dataclass(frozen=True, kw_only=True)
class VersionTrail:
    """Entries about a version under one checkpoint, in order. ``waiting`` acts about it are not in the log yet."""

    checkpoint: Checkpoint
    entries: tuple[Entry, ...]
    waiting: int

    def entry_of(self, row: models.Model) -> int | None:
        """The index of the entry that recorded a row."""
        return self.entries_of([row]).get(row.pk)

    def entries_of(self, rows: Collection[models.Model]) -> dict[object, int]:
        """The index of the entry that recorded each row, by the row's key; rows of one table."""
        if not rows:
            return {}
        table = next(iter(rows))._meta.db_table
        keys = {str(row.pk): row.pk for row in rows}
        with connection.cursor() as cursor:
            cursor.execute(_ENTRY_OF_ROWS, [table, list(keys), self.checkpoint.size])
            return {keys[key]: index for key, index in cursor.fetchall()}

    def reasons(self) -> dict[int, str]:
        """What people wrote as the reason of an act, by index, where it was not erased since."""
        committed = {}
        for entry in self.entries:
            reason = orjson.loads(bytes(entry.body))["act"]["reason"]
            if reason is not None:
                committed[entry.index] = reason["committed"]
        texts = disclosures_of(entry for entry in self.entries if entry.index in committed)
        return {index: texts[commitment] for index, commitment in committed.items() if commitment in texts}

    def bundle(self, about: Mapping[str, Json]) -> bytes:
        """The proof bundle of these entries. Raises LogDamaged."""
        try:
            return bundle_of((entry.index for entry in self.entries), about=about)
        except VerificationError as error:
            raise LogDamaged(f"The log does not hold: {error.message}. Run ./run verify to see where.") from error


def subjects_of(version: ModelVersion) -> list[str]:
    """What an act must be on to be about a version: itself, its model, data, evidence, assessments, rules.

    Never an environment: an act on one is about every version in it.
    """
    evidence = list(Evidence.objects.filter(subject_kind=SUBJECT_KIND, subject_id=str(version.pk)))
    assessments = list(version.assessments.all())
    datasets = DatasetVersion.objects.filter(
        models.Q(digest__in={kept.dataset_digest for kept in evidence})
        | models.Q(pk__in={assessment.dataset_id for assessment in assessments})
        | models.Q(pk=version.training_data_id)
    )
    policies = Policy.objects.filter(pk__in=version.standings.values("policy"))
    checklists = Checklist.objects.filter(
        models.Q(pk__in=version.answers.values("checklist")) | models.Q(assignments__environment__name="production")
    ).distinct()
    things: list[models.Model] = [version, version.model]
    for rows in (datasets, evidence, assessments, policies, checklists):
        things += list(rows)
    return [subject_of(thing) for thing in things]


def wait_for_sequencer(version: ModelVersion) -> None:
    """Wait until every act about the version is in the log, but not for long."""
    subjects = subjects_of(version)
    deadline = time.monotonic() + PATIENCE
    while _waiting(subjects) and time.monotonic() < deadline:
        time.sleep(_PAUSE)


def read_trail(version: ModelVersion) -> VersionTrail:
    """The entries about a version under the latest checkpoint; call it in ``one_view``. Raises NothingSequenced."""
    checkpoint = latest_checkpoint()
    if checkpoint is None or checkpoint.size == 0:
        raise NothingSequenced("The trail has no checkpoint yet: start a worker (manage.py worker) and ask again.")
    subjects = subjects_of(version)
    entries = entries_about(subjects).filter(index__lt=checkpoint.size)
    return VersionTrail(checkpoint=checkpoint, entries=tuple(entries), waiting=_waiting(subjects))


def _waiting(subjects: list[str]) -> int:
    with connection.cursor() as cursor:
        cursor.execute(_WAITING, [subjects])
        return int(cursor.fetchone()[0])
