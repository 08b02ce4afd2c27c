"""Step 6: every file that a governed row names by its digest is in the content store, byte for byte."""

import json
from collections.abc import Iterator

from audits.artifacts import store
from audits.errors import DomainError
from audits.trail.encoding import identifier
from audits.trail.governed import GovernedTable
from audits.trail.verification.matter import Matter, Tell
from audits.trail.verification.report import Findings


def check_files(matter: Matter, findings: Findings, tell: Tell) -> None:
    seen: set[str] = set()
    for governed, columns in matter.governed():
        names = {column.name for column in columns}
        for field in sorted((governed.capture.files | governed.capture.file_lists) & names):
            for key, digest in _references(matter, governed, field):
                if digest in seen:
                    continue
                seen.add(digest)
                findings.checked += 1
                tell(1)
                try:
                    store.check(digest)
                except (DomainError, OSError) as error:
                    findings.add(
                        "file",
                        f"{governed.table} {key}: {field}: {error}",
                        table=governed.table,
                        key=key,
                        field=field,
                        trail=digest,
                    )


def _references(matter: Matter, governed: GovernedTable, field: str) -> Iterator[tuple[str, str]]:
    query = (
        f"SELECT {identifier(governed.key)}::text, {identifier(field)}::text FROM public.{identifier(governed.table)}"
    )
    for key, value in matter.reader.stream(query):
        if not value:
            continue
        if field in governed.capture.files:
            yield key, value
            continue
        for item in _items(value):
            digest = item.get("sha256") if isinstance(item, dict) else item
            yield key, str(digest)


def _items(text: str) -> list[object]:
    value = json.loads(text)
    return value if isinstance(value, list) else [value]
