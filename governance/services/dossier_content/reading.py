"""What the parts of a dossier share: the version's file, its standing, its trail, the people, the time.

Must never look at anything later than the view it was read in.
"""

from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from audits.errors import Conflict
from audits.models import Evidence, User
from governance.authorization import role_names
from governance.models import Decision, PolicyAssignment, Standing
from governance.models.signatures import Signature
from governance.roles import roles
from governance.services.signed_content import VersionFile, read_file
from governance.services.version_trail import VersionTrail, read_trail
from registry.models import DatasetVersion, Environment, ModelVersion
from registry.services.assessments import SUBJECT_KIND


@dataclass(frozen=True, kw_only=True)
class Position:
    """Where a version stands in an environment at a time: what its standing says, and under which rules."""

    version: ModelVersion
    environment: Environment
    assignment: PolicyAssignment | None
    standing: Standing | None
    at: datetime

    @property
    def allowed(self) -> bool:
        """Whether the gate would allow the version now: it goes by the same columns."""
        standing = self.standing
        return (
            standing is not None
            and standing.allowed
            and self.assignment is not None
            and standing.policy_id == self.assignment.policy_id
            and (standing.valid_until is None or standing.valid_until > self.at)
        )


@dataclass(frozen=True, kw_only=True)
class Reading:
    """Everything that more than one part needs, read once."""

    file: VersionFile
    position: Position
    decision: Decision | None
    trail: VersionTrail

    @property
    def version(self) -> ModelVersion:
        return self.file.version

    @property
    def environment(self) -> Environment:
        return self.position.environment

    @property
    def at(self) -> datetime:
        return self.position.at

    @cached_property
    def datasets(self) -> tuple[tuple[str, DatasetVersion], ...]:
        """The tables that the version rests on, each with what it was used for."""
        training = self.version.training_data
        found = [("Training", training)] if training is not None else []
        digests = {kept.dataset_digest for kept in self.file.evidence}
        for dataset in DatasetVersion.objects.filter(digest__in=digests).order_by("name", "number"):
            if training is None or dataset.pk != training.pk:
                found.append(("Evaluation", dataset))
        return tuple(found)

    @cached_property
    def evidence_entries(self) -> dict[object, int]:
        """Where in the trail each evidence was recorded, by its key."""
        return self.trail.entries_of(list(self.file.evidence))

    @cached_property
    def superseded(self) -> dict[str, Evidence]:
        """Evidence about the version that newer evidence took the place of, by digest."""
        current = {kept.digest for kept in self.file.evidence}
        about = Evidence.objects.filter(subject_kind=SUBJECT_KIND, subject_id=str(self.version.pk))
        return {kept.digest: kept for kept in about if kept.digest not in current}

    @cached_property
    def names(self) -> dict[int, str]:
        """The names of all accounts, by id."""
        return {account.pk: account.name for account in User.objects.all()}

    def actor(self, text: str) -> str:
        """An actor of the trail for a reader: the name of the account, or which part of Countersign it was."""
        kind, _, key = text.partition(":")
        if kind == "user" and key.isdigit():
            return self.names.get(int(key), f"Account {key}")
        return f"Countersign ({key or text})"


def read_version(version: ModelVersion, environment: Environment, *, at: datetime) -> Reading:
    """Read what a dossier is about; call it in ``one_view``. Raises Conflict where no rules are assigned."""
    file = read_file(version)
    if file is None:
        raise Conflict("No policy and checklist are assigned to production: run manage.py setup.", code="no_policy")
    return Reading(
        file=file,
        position=read_position(file.version, environment, at=at),
        decision=Decision.objects.select_related("version__model", "environment")
        .filter(version=version, environment=environment)
        # An answer about another artifact under the same name is not about this version.
        .filter(asked__digest__in=["", version.artifact_digest])
        .order_by("-decided_at")
        .first(),
        trail=read_trail(version),
    )


def read_position(version: ModelVersion, environment: Environment, *, at: datetime) -> Position:
    """Where the version stands in the environment."""
    return Position(
        version=version,
        environment=environment,
        assignment=PolicyAssignment.objects.select_related("policy").filter(environment=environment).first(),
        standing=Standing.objects.select_related("policy").filter(version=version, environment=environment).first(),
        at=at,
    )


def role_title(role: str) -> str:
    """A role as people call it: "Compliance officer"."""
    known = roles().get(role)
    return known.title if known is not None else role.replace("_", " ")


def name_with_roles(account: User) -> str:
    """A person with what they are: "Carol Chen, compliance officer"."""
    titles = [role_title(role).lower() for role in role_names(account)]
    return ", ".join([str(account.name), *titles])


def authentication_method(signature: Signature) -> str:
    """How the signer proved who they are, in words."""
    if signature.method == "password":
        return "Password, entered for this signature"
    return signature.method
