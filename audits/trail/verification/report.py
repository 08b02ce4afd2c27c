"""What a verification found, as values: steps, findings, and what was not checked.

A report never says more than was looked at.
"""

from dataclasses import asdict, dataclass

from audits.merkle.canonical import Json

LISTED = 100_000
"""Findings that a step lists at most, for memory's sake; it counts all of them."""

_SHOWN = 300


@dataclass(frozen=True, kw_only=True)
class LastAct:
    """The act that an entry was made of: who, when, what. ``at`` is UTC, as in the entry."""

    id: str
    kind: str
    actor: str
    at: str


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One difference. ``trail`` is what the trail says, ``there`` what was found; ``index`` the entry it is from.

    ``table``, ``key`` and ``field`` name the place in the database, as far as there is one; ``act`` is that of the
    entry.
    """

    code: str
    message: str
    table: str = ""
    key: str = ""
    field: str = ""
    trail: Json = None
    there: Json = None
    index: int | None = None
    act: LastAct | None = None


@dataclass(frozen=True, kw_only=True)
class Step:
    """One numbered step: how much it checked and what it found. ``total`` counts unlisted findings as well."""

    number: int
    name: str
    ok: bool
    checked: int
    seconds: float
    total: int
    findings: tuple[Finding, ...]


@dataclass(frozen=True, kw_only=True)
class VerificationReport:
    """The whole. ``checkpoint`` is the newest signed note in the database, empty where there is none.

    ``since``: how many entries an earlier verification had read, and this one has not.
    """

    ok: bool
    since: int
    origin: str
    key: str
    entries: int
    pending: int
    checkpoint: str
    seconds: float
    steps: tuple[Step, ...]
    not_checked: tuple[str, ...]

    def as_json(self) -> dict[str, Json]:
        document: dict[str, Json] = asdict(self)
        return document


class Findings:
    """Where a step puts what it checks and finds."""

    def __init__(self) -> None:
        self.listed: list[Finding] = []
        self.total = 0
        self.checked = 0

    def add(
        self,
        code: str,
        message: str,
        *,
        table: str = "",
        key: str = "",
        field: str = "",
        trail: Json = None,
        there: Json = None,
        index: int | None = None,
    ) -> None:
        self.total += 1
        if len(self.listed) < LISTED:
            self.listed.append(
                Finding(
                    code=code,
                    message=message,
                    table=table,
                    key=key,
                    field=field,
                    trail=_short(trail),
                    there=_short(there),
                    index=index,
                )
            )


def _short(value: Json) -> Json:
    """Long text cut: a finding points at the place, it does not carry it."""
    if isinstance(value, str) and len(value) > _SHOWN:
        return f"{value[:_SHOWN]}… ({len(value)} characters)"
    return value
