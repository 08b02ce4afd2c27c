"""What the application's role writes into an act of its own can stop neither the sequencer nor the verification."""

import json
import os
from collections.abc import Iterator
from hashlib import sha256

import psycopg
import pytest

from audits.merkle.canonical import canonical_bytes
from audits.models import Entry
from audits.trail.disclosure import commitments_in
from audits.trail.verification import verify
from audits.trail.verification.engine import STEPS
from audits.trail.verification.sorting import Sorter
from tests.audits.trail.attacker import Attacker
from tests.audits.trail.occasions import OPEN, some_act, some_user
from tests.database import Connection, Database


def _open(session: Connection, **fields: str) -> None:
    act = {"kind": "a.b.c", "actor": "user:1", "via": "sql", "subject": "x", "reason": "", "data": "{}", **fields}
    session.execute("SELECT audits_open_act(%(kind)s, %(actor)s, %(via)s, %(subject)s, %(reason)s, %(data)s)", act)


REFUSED = [
    {"data": '{"a":1.50}'},
    {"data": '{"a":1e-3}'},
    {"data": '{"n":100000000000000000000000}'},
    {"data": '{"n":9007199254740992}'},
    {"data": '{"n":-9007199254740992}'},
    {"data": '{"x":' + "[" * 70 + "]" * 70 + "}"},
    {"data": '{"x":' + "[" * 20000 + "]" * 20000 + "}"},
    {"data": '{"a":{"b":{"c":{"d":{}}}}}'},
    {"data": '{"a":[[[[]]]]}'},
    {"data": '{"x":{"committed":"' + "ab" * 32 + '"}}'},
    {"data": '{"committed":1}'},
    {"data": '{"x":[{"committed":1}]}'},
    {"data": '{"\U0001f600":1}'},
    {"data": '{"x":"\\u0000"}'},
    {"data": '{"x":"\\ud800"}'},
    {"data": "[]"},
    {"data": "null"},
    {"data": "{"},
    {"data": json.dumps({"x": "y" * 65536})},
    {"reason": "y" * 65537},
    {"kind": "a.b." + "c" * 200},
    {"actor": "u" * 201},
    {"via": "u" * 201},
    {"subject": "u" * 201},
]


def test_an_act_that_could_not_be_verified_later_is_not_opened(database: Database, subtests: pytest.Subtests) -> None:
    with database.application() as session:
        for fields in REFUSED:
            with subtests.test(fields=str(fields)[:60]), pytest.raises(psycopg.Error):
                _open(session, **fields)


SPELLED_ANEW = [
    ('{"a":1,"a":2}', {"a": 2}),
    ('{ "b":1 , "a":2}', {"a": 2, "b": 1}),
    ('{"z":[1, true,null],"é":"\\u00e9\\u2028\\u007f\\/\\u0001\\"\\\\","Z":-0,"\\u0001":{"b":1,"a":{}}}', None),
    ('{"n":9007199254740991,"m":-9007199254740991,"e":1e3}', None),
]


def test_the_data_of_an_act_is_stored_in_its_canonical_spelling(database: Database) -> None:
    with database.application() as session:
        for data, _ in SPELLED_ANEW:
            _open(session, data=data)
        _open(session, actor='committed"}', subject="x\u2028\x7f\U0001f600\x01")
        stored = [str(data) for (data,) in session.execute("SELECT data FROM audits_act ORDER BY at").fetchall()]
    for (data, value), text in zip(SPELLED_ANEW, stored, strict=False):
        assert text.encode() == canonical_bytes(json.loads(data) if value is None else value)
    database.sequence()
    assert verify().ok


def test_only_reasons_and_personal_values_are_read_as_commitments() -> None:
    digest = {"committed": "ab" * 32}
    entry = {
        "act": {"data": {"x": digest}, "reason": {"committed": "cd" * 32}},
        "changes": [
            {"diff": {"a": digest, "b": [None, {"committed": "ef" * 32}], "c": {"committed": "x"}, "d": [[digest]]}}
        ],
    }
    assert commitments_in(canonical_bytes(entry)) == ["cd" * 32, "ab" * 32, "ef" * 32]
    assert commitments_in(b'{"committed":"' + b"ab" * 32 + b'"}') == []


def test_an_act_cannot_grow_beyond_what_an_entry_can_hold(database: Database) -> None:
    with (
        database.application() as session,
        pytest.raises(psycopg.errors.ProgramLimitExceeded, match="256 MB"),
        session.transaction(),
    ):
        session.execute(f"{OPEN}; {'; '.join([_WIDE] * 4)}")
    assert database.sequence() == 0


# Some 90 MB of changes: below the limit by itself.
_WIDE = (
    "INSERT INTO auth_group (name) SELECT md5(random()::text || i) || repeat('x', 100)"
    " FROM generate_series(1, 300000) i"
)


def test_an_entry_too_deep_to_read_is_a_finding(database: Database) -> None:
    some_user()
    database.sequence()
    deep = '{"x":' + "[" * 30_000 + "]" * 30_000 + "}"
    with database.superuser() as superuser:
        with Attacker(superuser).unguarded("audits_entry"):
            superuser.execute("UPDATE audits_entry SET body = convert_to(%s, 'UTF8')", [deep])
        with Attacker(superuser).unguarded("audits_act"):
            superuser.execute("UPDATE audits_act SET data = %s", [deep])
    assert "not_canonical" in {finding.code for finding in verify().steps[1].findings}


def test_a_database_without_its_tables_is_a_finding(database: Database) -> None:
    some_user()
    database.sequence()
    with database.superuser() as superuser:
        superuser.execute("DROP TABLE audits_disclosure")
    report = verify()
    assert "step_failed" in {finding.code for finding in report.steps[3].findings}
    assert len(report.steps) == len(STEPS)


def _mask(commitment: str) -> int:
    return int.from_bytes(sha256(commitment.encode()).digest(), "big")


def test_texts_cannot_be_swapped_for_others_whose_hashes_add_up_to_the_same(database: Database) -> None:
    with some_act(reason="Because it was told so."):
        pass
    database.sequence()
    with database.superuser() as superuser:
        (reason,) = superuser.execute("SELECT reason FROM audits_act").fetchone() or ("",)
        with Attacker(superuser).unguarded("audits_disclosure"):
            superuser.execute("DELETE FROM audits_disclosure WHERE commitment = %s", [reason])
            for commitment, salt, text in _same_sum(_mask(str(reason))):
                superuser.execute("INSERT INTO audits_disclosure VALUES (%s, %s, %s)", [commitment, salt, text])
    findings = verify().steps[3].findings
    assert [(finding.key, finding.index) for finding in findings if finding.code == "disclosure_missing"] == [
        (reason, 0)
    ]
    assert "disclosure_extra" in {finding.code for finding in findings}


def _same_sum(target: int) -> Iterator[tuple[str, bytes, str]]:
    """Texts whose masks XOR to the target: Gaussian elimination over GF(2)."""
    items: list[tuple[str, bytes, str]] = []
    basis: dict[int, tuple[int, int]] = {}

    def reduce(value: int, combination: int) -> tuple[int, int]:
        while value and value.bit_length() in basis:
            other, which = basis[value.bit_length()]
            value, combination = value ^ other, combination ^ which
        return value, combination

    while len(basis) < 256:
        salt, text = os.urandom(32), f"junk {len(items)}"
        commitment = sha256(salt + text.encode()).hexdigest()
        value, combination = reduce(_mask(commitment), 1 << len(items))
        items.append((commitment, salt, text))
        if value:
            basis[value.bit_length()] = (value, combination)
    value, combination = reduce(target, 0)
    assert value == 0
    return (item for place, item in enumerate(items) if combination >> place & 1)


def test_a_commitment_that_was_copied_is_counted(database: Database) -> None:
    with some_act(reason="Because."):
        pass
    with some_act(reason="Therefore."):
        pass
    with database.superuser() as superuser, Attacker(superuser).unguarded("audits_act"):
        superuser.execute("UPDATE audits_act SET reason = (SELECT min(reason) FROM audits_act)")
    database.sequence()
    assert Entry.objects.count() == 2
    assert sorted(finding.code for finding in verify().steps[3].findings) == ["disclosure_extra", "disclosure_twice"]


@pytest.mark.parametrize("run", [1, 7, 1000])
def test_sorting_gives_everything_back_in_order(run: int) -> None:
    items = [str(number * 37 % 50).encode() for number in range(100)]
    with Sorter(run) as sorter:
        for item in items:
            sorter.add(item)
        assert list(sorter.items()) == sorted(items)
