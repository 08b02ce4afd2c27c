"""The trail's tables as Django sees them, for reading.

They are made by SQL in the migrations and written by database functions only; nothing here may ever save or delete.
No foreign key leads from them to anything: people and subjects are text.
"""

from collections.abc import Callable, Collection
from typing import Any, ClassVar, Self

from django.db import models


class Act(models.Model):
    """One act: who did what to which subject and why. ``xid`` is the transaction that carried it."""

    id = models.UUIDField(primary_key=True)
    epoch = models.IntegerField()
    xid = models.TextField()
    kind = models.TextField()
    actor = models.TextField()
    via = models.TextField()
    role = models.TextField()
    subject = models.TextField()
    reason = models.TextField(help_text="Commitment to the reason: SHA-256 of salt and text, in hexadecimal.")
    data = models.TextField()
    at = models.DateTimeField()

    class Meta:
        managed = False
        db_table = "audits_act"

    def __str__(self) -> str:
        return f"{self.kind} on {self.subject}"


class Disclosure(models.Model):
    """The text behind a commitment in the trail, with its salt: kept beside the trail so that it can be erased."""

    commitment = models.TextField(primary_key=True)
    salt = models.BinaryField()
    value = models.TextField()

    class Meta:
        managed = False
        db_table = "audits_disclosure"

    def __str__(self) -> str:
        return self.commitment


class _Entries(models.Manager["Entry"]):
    """Leaves the content in the database until it is asked for: it can be 256 MB, and few read it."""

    def get_queryset(self) -> "models.QuerySet[Entry]":
        return super().get_queryset().defer("content")


class Entry(models.Model):
    """One leaf of the log: the exact bytes of an act with all its changes, and their RFC 6962 leaf hash.

    An act too large for a leaf has its changes in ``content``; read them through audits.trail.entries.
    An entry that left the database for the archive gets its body from there as it is read. Where the file is missing
    ``not_at_hand`` says so, and the body is a stand-in that has not the leaf's hash.
    """

    # Set by audits.trail.archive, which knows the files.
    recover: ClassVar[Callable[["Entry"], None] | None] = None
    not_at_hand = ""

    index = models.BigIntegerField(primary_key=True)
    act_id = models.UUIDField()
    kind = models.TextField()
    actor = models.TextField()
    subject = models.TextField()
    at = models.DateTimeField()
    body = models.BinaryField()
    leaf_hash = models.BinaryField()
    content = models.BinaryField(null=True)

    objects = _Entries()

    class Meta:
        managed = False
        db_table = "audits_entry"
        verbose_name = "trail entry"
        verbose_name_plural = "trail entries"

    def __str__(self) -> str:
        return f"entry {self.index}"

    @classmethod
    def from_db(cls, db: str | None, field_names: Collection[str], values: Collection[Any], **more: Any) -> Self:
        entry = super().from_db(db, field_names, values, **more)
        if cls.recover is not None and "body" in entry.__dict__ and not entry.body:
            cls.recover(entry)
        return entry


class Checkpoint(models.Model):
    """A signed checkpoint (C2SP tlog-checkpoint) of the log at one size."""

    size = models.BigIntegerField(primary_key=True)
    root = models.BinaryField()
    note = models.TextField()
    signed_at = models.DateTimeField()

    class Meta:
        managed = False
        db_table = "audits_checkpoint"

    def __str__(self) -> str:
        return f"checkpoint at {self.size}"


class Cosignature(models.Model):
    """A witness's signature line on the checkpoint of one size (C2SP tlog-cosignature); ``witness`` is its vkey."""

    pk = models.CompositePrimaryKey("size", "witness")
    size = models.BigIntegerField()
    witness = models.TextField()
    line = models.TextField()
    at = models.DateTimeField()

    class Meta:
        managed = False
        db_table = "audits_cosignature"

    def __str__(self) -> str:
        return f"cosignature of {self.witness} at {self.size}"


class Timestamp(models.Model):
    """An authority's RFC 3161 token (DER) over the checkpoint of one size; ``authority`` is the address asked."""

    pk = models.CompositePrimaryKey("size", "authority")
    size = models.BigIntegerField()
    authority = models.TextField()
    token = models.BinaryField()
    at = models.DateTimeField()

    class Meta:
        managed = False
        db_table = "audits_timestamp"

    def __str__(self) -> str:
        return f"timestamp of {self.authority} at {self.size}"
