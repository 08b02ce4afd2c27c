"""An act too large for an entry goes in by digest, and is read, verified and shown like any other."""

import hashlib
import json
from uuid import UUID

import psycopg
import pytest
from django.contrib.auth.models import Group
from django.db.models import CharField, F, Value
from django.db.models.functions import Concat

from audits.merkle.canonical import canonical_bytes, is_canonical
from audits.merkle.entries import LARGEST, Stated
from audits.merkle.errors import VerificationError
from audits.merkle.tree import leaf_hash
from audits.models import Entry
from audits.trail import log
from audits.trail.assembly import entry_texts
from audits.trail.disclosure import commitments_in
from audits.trail.entries import stated_content, whole, whole_entry
from audits.trail.verification import verify
from tests.audits.trail.attacker import Attacker
from tests.audits.trail.occasions import OPEN, some_act, some_user
from tests.database import Connection, Database


def _large(rows: int = 10_000) -> UUID:
    """The id of an act that makes this many rows."""
    with some_act() as opened:
        Group.objects.bulk_create(Group(name=f"group {number}") for number in range(rows))
    return opened.id


def test_an_act_of_ten_thousand_rows_is_an_entry_by_digest_and_verifies(database: Database) -> None:
    act_id = _large()
    some_user("ann")
    with some_act(reason="No longer needed."):
        Group.objects.all().update(name=Concat(Value("other "), F("name"), output_field=CharField()))
    assert database.sequence() == 3
    entry = Entry.objects.get(act_id=act_id)
    body, content = bytes(entry.body), bytes(entry.content)
    assert len(body) < 1_000
    assert stated_content(body) == Stated(length=len(content), sha256=hashlib.sha256(content).hexdigest())
    assert leaf_hash(body) == bytes(entry.leaf_hash)
    assert is_canonical(body)
    document = json.loads(whole_entry(entry))
    assert canonical_bytes(document) == whole_entry(entry)
    assert list(document) == ["act", "changes", "format", "transaction"]
    assert len(document["changes"]) == 10_000
    assert {"name"} <= document["changes"][9_999]["diff"].keys()
    report = verify()
    assert report.ok, [finding for step in report.steps for finding in step.findings]
    last = Entry.objects.get(index=2)
    assert list(log.disclosures_of([last]).values()) == ["No longer needed."]
    assert last.get_deferred_fields() == set()
    assert Entry.objects.get(index=2).get_deferred_fields() == {"content"}
    assert b"committed" in bytes(last.body)


@pytest.mark.parametrize("over", [0, 1])
def test_the_largest_entry_holds_its_changes_and_one_byte_more_does_not(database: Database, over: int) -> None:
    with database.application() as session, session.transaction():
        session.execute(OPEN)
        while (missing := LARGEST + over - _length(session)) > 800:
            session.execute("INSERT INTO auth_group (name) VALUES (gen_random_uuid()::text)")
        with session.transaction(force_rollback=True):
            session.execute("INSERT INTO auth_group (name) VALUES ('')")
            empty = missing - (LARGEST + over - _length(session))
        # A number of names that are together as long as what is missing; each name has at most 150 characters.
        rows = next(rows for rows in range(1, 10) if 0 <= missing - rows * empty <= rows * 150)
        for row in range(rows):
            length = (missing - rows * empty + row) // rows
            session.execute("INSERT INTO auth_group (name) VALUES (repeat(%s, %s))", ["abcdefghi"[row], length])
    database.sequence()
    entry = Entry.objects.get()
    assert len(whole_entry(entry)) == LARGEST + over
    assert (stated_content(bytes(entry.body)) is None) == (over == 0)
    assert verify().ok


def _length(session: Connection) -> int:
    """Bytes of the entry that the session's open act would be now."""
    texts = entry_texts("SELECT * FROM public.audits_act WHERE xid = pg_current_xact_id()")
    row = session.execute(
        f"SELECT octet_length(t.body) + coalesce(t.length, 0) FROM (SELECT body, octet_length(content) - 92 AS length"
        f" FROM ({texts}) AS t (e, x, i, k, a, s, at, body, content)) t"
    ).fetchone()
    assert row is not None
    return int(str(row[0]))


@pytest.mark.parametrize(
    ("forged", "code"),
    [
        ("overlay(content placing 'x' from 40)", "content"),
        ("NULL", "content"),
        ("content || ' '", "content"),
    ],
)
def test_content_that_was_changed_is_found(database: Database, forged: str, code: str) -> None:
    _large(2_000)
    database.sequence()
    with database.superuser() as superuser, Attacker(superuser).unguarded("audits_entry"):
        superuser.execute(f"UPDATE audits_entry SET content = {forged}")
    found = {(finding.code, finding.field, finding.key) for step in verify().steps for finding in step.findings}
    assert (code, "content", "0") in found


def test_content_beside_an_entry_that_states_none_is_found(database: Database) -> None:
    some_user()
    database.sequence()
    with database.superuser() as superuser, Attacker(superuser).unguarded("audits_entry"):
        superuser.execute("UPDATE audits_entry SET content = '[]'")
    assert ("content", "0") in {(finding.code, finding.key) for step in verify().steps for finding in step.findings}


def test_a_change_of_a_large_act_that_was_changed_is_named(database: Database) -> None:
    _large(2_000)
    database.sequence()
    with database.superuser() as superuser, Attacker(superuser).unguarded("audits_change"):
        superuser.execute("UPDATE audits_change SET diff = replace(diff, 'group 1999', 'group 1998')")
    (finding,) = [f for f in verify().steps[2].findings if f.code == "change_changed"]
    assert (finding.table, finding.field, finding.index) == ("audits_change", "diff", 0)


def test_the_act_itself_always_fits(database: Database) -> None:
    with database.application() as session:
        # Fewer bytes as they come than in their canonical spelling.
        for data in ({"x": "y" * 32_768}, {"x": "PLACE"}):
            text = json.dumps(data).replace('"PLACE"', "[" + ",".join(["1e15"] * 6_000) + "]")
            with pytest.raises(psycopg.errors.InvalidParameterValue, match="32 kB"):
                session.execute("SELECT audits_open_act('a.b.c', 'x', 'x', 'x', '', %s)", [text])
        session.execute(
            "SELECT audits_open_act('a.b.c', %s, %s, %s, 'why', %s)",
            ["\x01" * 200, "\x02" * 200, "\x03" * 200, json.dumps({"x": "y" * 32_700})],
        )
        with session.transaction():
            session.execute(OPEN)
    assert database.sequence() == 2
    assert verify().ok


CONTENT = b'[{"diff":{},"key":"1","op":"I","table":"t"}]'
BODY = (
    b'{"act":{"reason":null},"content":{"length":%d,"sha256":"%s"},"format":"countersign/entry/v1","transaction":"1:7"}'
    % (len(CONTENT), hashlib.sha256(CONTENT).hexdigest().encode())
)


def test_the_whole_is_the_entry_with_the_changes_it_states_and_no_others() -> None:
    assert json.loads(whole(BODY, CONTENT))["changes"] == json.loads(CONTENT)
    for body, content, said in [
        (BODY, None, "not there"),
        (BODY, CONTENT + b" ", "not those"),
        (BODY, CONTENT.replace(b"1", b"2"), "not those"),
        (BODY.replace(b'"length":4', b'"length":5'), CONTENT, "not those"),
        (b'{"act":{},"changes":[],"format":"countersign/entry/v1","transaction":"1:7"}', b"[]", "does not state"),
        (b"", CONTENT, "does not state"),
    ]:
        with pytest.raises(VerificationError, match=said) as error:
            whole(body, content)
        assert error.value.step == "content"


def test_text_in_an_act_does_not_pass_for_content_that_it_states() -> None:
    stated = BODY[len(b'{"act":{"reason":null}') :].decode()
    document = {
        "act": {"data": {"x": stated, "content": {"length": 2, "sha256": "0" * 64}}},
        "changes": [{"diff": {"x": stated}}],
        "format": "countersign/entry/v1",
        "transaction": "1:7",
    }
    body = canonical_bytes(document)
    assert stated_content(body) is None
    assert whole(body, None) == body
    assert commitments_in(BODY.replace(b"null", b'{"committed":"' + b"ab" * 32 + b'"}')) == ["ab" * 32]
