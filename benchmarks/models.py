"""Two tables of one shape, ten columns beside the key: one governed by the trail, one not."""

from dataclasses import dataclass

from django.db import models

from audits.models import Governed
from audits.trail import event


@event("benchmarks.contract.changed")
@dataclass(frozen=True, kw_only=True)
class ContractChanged:
    """Contracts were made or changed."""


class Contract(models.Model):
    """The shape."""

    number = models.CharField(max_length=32)
    party = models.CharField(max_length=100)
    amount = models.DecimalField(max_digits=14, decimal_places=2)
    currency = models.CharField(max_length=3)
    status = models.CharField(max_length=16)
    rank = models.IntegerField()
    active = models.BooleanField()
    due = models.DateField()
    terms = models.JSONField()
    updated = models.DateTimeField()

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return self.number


class GovernedContract(Governed, Contract):
    """Its changes are recorded by the trail's triggers; a write outside an act is refused."""


class PlainContract(Contract):
    """The twin: nothing records its changes."""
