"""Evidence records: what was measured, frozen, with a digest that anyone can compute again.

Never holds NaN, a clock time inside the digest, or a path. Canonical bytes: RFC 8785; digest: SHA-256 over
them without ``timings`` and without ``digest``.
"""

import dataclasses
import hashlib
from collections.abc import Callable, Mapping
from typing import Self

import rfc8785

from audits.evidence.errors import EvidenceError
from audits.evidence.request import Subject
from audits.evidence.values import JsonObject, JsonValue

FORMAT = "countersign/evidence/v1"
SVG = "image/svg+xml"

_REQUIRED: Mapping[str, type | tuple[type, ...]] = {
    "format": str,
    "measurement": str,
    "title": str,
    "finding": str,
    "subject": dict,
    "inputs": dict,
    "parameters": dict,
    "seed": int,
    "versions": dict,
    "results": dict,
    "tables": list,
    "flags": list,
    "figures": list,
    "timings": dict,
    "digest": str,
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Figure:
    """An SVG drawing with the words that stand for it; ``name`` is unique within its record."""

    name: str
    title: str
    alt: str
    svg: bytes = dataclasses.field(repr=False)

    @property
    def sha256(self) -> str:
        """SHA-256 of the SVG's bytes, hexadecimal."""
        return hashlib.sha256(self.svg).hexdigest()

    def as_json(self) -> JsonObject:
        """What the record says of the figure; the bytes are kept beside it."""
        return {
            "name": self.name,
            "title": self.title,
            "alt": self.alt,
            "sha256": self.sha256,
            "media_type": SVG,
        }


@dataclasses.dataclass(frozen=True, kw_only=True)
class EvidenceRecord:
    """One measurement: inputs by digest, parameters, seed, versions, results with n and intervals, figures.

    ``timings`` holds what differs from run to run and proves nothing about the numbers: seconds, and how far
    the model's process could be shut off on this machine. It is outside the digest.
    """

    measurement: str
    title: str
    finding: str
    subject: Subject
    inputs: JsonObject
    parameters: JsonObject
    seed: int
    versions: JsonObject
    results: JsonObject
    tables: list[JsonValue]
    flags: list[JsonValue]
    figures: tuple[Figure, ...]
    timings: JsonObject

    def _body(self) -> JsonObject:
        return {
            "format": FORMAT,
            "measurement": self.measurement,
            "title": self.title,
            "finding": self.finding,
            "subject": {"kind": self.subject.kind, "id": self.subject.id, "digest": self.subject.digest},
            "inputs": self.inputs,
            "parameters": self.parameters,
            "seed": self.seed,
            "versions": self.versions,
            "results": self.results,
            "tables": self.tables,
            "flags": self.flags,
            "figures": [figure.as_json() for figure in self.figures],
        }

    @property
    def digest(self) -> str:
        """SHA-256 of the canonical record without timings, hexadecimal."""
        return digest_of(self._body())

    def as_json(self) -> JsonObject:
        """The whole record, with its digest and timings."""
        body = self._body()
        return {**body, "timings": self.timings, "digest": digest_of(body)}

    @classmethod
    def from_json(cls, given: JsonValue, figure_bytes: Callable[[str], bytes]) -> Self:
        """Read a record back and check it: shape, digest, and each figure's bytes against its digest.

        ``figure_bytes`` answers the SVG of a figure's name. Raises ``EvidenceError`` where anything differs.
        """
        if not isinstance(given, dict):
            raise EvidenceError("An evidence record is a JSON object.", code="evidence_malformed")
        for name, kind in _REQUIRED.items():
            if not isinstance(given.get(name), kind):
                raise EvidenceError(
                    f"The evidence record lacks “{name}” or has it in the wrong type.",
                    code="evidence_malformed",
                )
        if given["format"] != FORMAT or set(given) != set(_REQUIRED):
            raise EvidenceError(f"The evidence record is not of format {FORMAT}.", code="evidence_malformed")
        if digest_of(given) != given["digest"]:
            raise EvidenceError(
                "The evidence record does not have the digest it states; it was changed after it was made.",
                code="evidence_digest_mismatch",
            )
        figures = []
        for entry in _objects(given["figures"]):
            name, title, alt = (str(entry.get(key, "")) for key in ("name", "title", "alt"))
            figure = Figure(name=name, title=title, alt=alt, svg=figure_bytes(name))
            if figure.as_json() != entry:
                raise EvidenceError(
                    f"The figure “{name}” does not have the digest that its record states.",
                    code="evidence_digest_mismatch",
                )
            figures.append(figure)
        subject = _object(given["subject"])
        seed = given["seed"]
        return cls(
            measurement=str(given["measurement"]),
            title=str(given["title"]),
            finding=str(given["finding"]),
            subject=Subject(
                kind=str(subject.get("kind")), id=str(subject.get("id")), digest=str(subject.get("digest"))
            ),
            inputs=_object(given["inputs"]),
            parameters=_object(given["parameters"]),
            seed=seed if isinstance(seed, int) else 0,
            versions=_object(given["versions"]),
            results=_object(given["results"]),
            tables=_list(given["tables"]),
            flags=_list(given["flags"]),
            figures=tuple(figures),
            timings=_object(given["timings"]),
        )


def digest_of(record: JsonObject) -> str:
    """The digest that a record with this JSON must state: SHA-256, hexadecimal, without timings and
    digest."""
    body = {name: value for name, value in record.items() if name not in {"timings", "digest"}}
    try:
        return hashlib.sha256(rfc8785.dumps(body)).hexdigest()
    except rfc8785.CanonicalizationError as error:
        raise EvidenceError(
            f"The record holds a value that canonical JSON cannot: {error}.", code="evidence_malformed"
        ) from error


def records_as_json(records: list[EvidenceRecord]) -> list[JsonObject]:
    """The records as JSON objects, each with its digest."""
    return [record.as_json() for record in records]


def _object(value: JsonValue) -> JsonObject:
    if not isinstance(value, dict):
        raise EvidenceError("The evidence record has a part of the wrong type.", code="evidence_malformed")
    return value


def _list(value: JsonValue) -> list[JsonValue]:
    return value if isinstance(value, list) else []


def _objects(value: JsonValue) -> list[JsonObject]:
    return [_object(entry) for entry in _list(value)]
