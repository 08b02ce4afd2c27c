"""Policy documents: typed, versioned, and known by the SHA-256 of their canonical JSON.

A document that was read once is never changed: a new wording or threshold is a new version with a new digest.
Canonical JSON: RFC 8785.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from audits.merkle.canonical import canonical_bytes, sha256_hex
from governance.json_documents import JSON, DocumentError, Place, place_document, read_document
from governance.policies.errors import PolicyError
from governance.policies.expressions import Expression, read_expression
from governance.policies.facts import CATALOGUE, Catalogue

FORMAT = "countersign/policy/v1"
MAX_BYTES = 256 * 1024
MAX_CLAUSES = 100
ROLES = ("owner", "validator", "risk_officer", "compliance_officer")
SCOPES = ("risk_tiers", "environments", "tasks")
_SLUG = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


@dataclass(frozen=True, kw_only=True)
class Clause:
    """One thing that must be true.

    ``message`` says what it means when the clause is not met, and the next step; ``owner`` is the role that
    can take it. ``reference`` names what asks for the clause; it is empty where only the organization does.
    """

    id: str
    title: str
    requires: Expression
    message: str
    owner: str
    reference: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Policy:
    """A policy document that was read and found sound.

    ``applies_to`` maps a scope (risk_tiers, environments, tasks) to the values it covers; a scope that is
    absent covers everything. ``document`` is the JSON it was read from and ``digest`` the SHA-256 of its
    canonical form.
    """

    id: str
    title: str
    version: int
    applies_to: Mapping[str, tuple[str, ...]]
    clauses: tuple[Clause, ...]
    document: Mapping[str, JSON] = field(repr=False)
    digest: str

    def applies(self, *, risk_tier: str, environment: str, task: str = "") -> bool:
        """Whether the policy covers a model of this risk tier (and task) in this environment."""
        asked = {"risk_tiers": risk_tier, "environments": environment, "tasks": task}
        return all(asked[scope] in covered for scope, covered in self.applies_to.items())


def parse_policy(data: bytes, *, catalogue: Catalogue = CATALOGUE) -> Policy:
    """The policy that JSON text says. Raises ``PolicyError`` naming the place of a fault."""
    try:
        return _policy(read_document(data, max_bytes=MAX_BYTES), catalogue)
    except DocumentError as error:
        raise PolicyError(error.message) from None


def policy_from_json(document: object, *, catalogue: Catalogue = CATALOGUE) -> Policy:
    """The policy that a parsed JSON document says. Raises ``PolicyError`` naming the place of a fault."""
    try:
        return _policy(place_document(document), catalogue)
    except DocumentError as error:
        raise PolicyError(error.message) from None


def _policy(root: Place, catalogue: Catalogue) -> Policy:
    fields = root.fields(required=("format", "id", "title", "version", "clauses"), optional=("applies_to",))
    fields["format"].one_of((FORMAT,))
    clauses = tuple(_clause(p, catalogue) for p in fields["clauses"].items(at_least=1, at_most=MAX_CLAUSES))
    ids = [clause.id for clause in clauses]
    for number, clause_id in enumerate(ids):
        if clause_id in ids[:number]:
            fields["clauses"].fail(f'two clauses have the id "{clause_id}".')
    if not isinstance(root.value, dict):
        root.fail("an object is needed here.")
    data = canonical_bytes(root.value)
    if len(data) > MAX_BYTES:
        root.fail(f"it has {len(data)} bytes; at most {MAX_BYTES} are read.")
    return Policy(
        id=fields["id"].matching(_SLUG, "an id of small letters, digits and single hyphens"),
        title=fields["title"].text(at_most=200),
        version=fields["version"].whole(at_least=1),
        applies_to=_scopes(fields["applies_to"]) if "applies_to" in fields else {},
        clauses=clauses,
        document=root.value,
        digest=sha256_hex(data),
    )


def _scopes(place: Place) -> dict[str, tuple[str, ...]]:
    fields = place.fields(required=(), optional=SCOPES)
    return {scope: values.texts(at_least=1, at_most=50) for scope, values in fields.items()}


def _clause(place: Place, catalogue: Catalogue) -> Clause:
    fields = place.fields(required=("id", "title", "requires", "message", "owner"), optional=("reference",))
    return Clause(
        id=fields["id"].matching(_SLUG, "an id of small letters, digits and single hyphens"),
        title=fields["title"].text(at_most=200),
        requires=read_expression(fields["requires"], catalogue),
        message=fields["message"].text(at_most=1000),
        owner=fields["owner"].one_of(ROLES),
        reference=fields["reference"].texts(at_most=20) if "reference" in fields else (),
    )
