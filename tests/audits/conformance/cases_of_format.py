"""Cases of what is written: JSON, canonical bytes, contents by digest, large numbers."""

import hashlib
import json
from collections.abc import Iterator
from typing import Any

from audits.merkle.canonical import canonical_bytes
from audits.merkle.encoding import to_base64
from tests.audits.conformance.case import Case
from tests.audits.conformance.world import World, written
from tests.audits.merkle.conftest import SIZE

MANY = 2**53


def cases(world: World) -> Iterator[Case]:
    yield from _files(world)
    yield from _bodies(world)
    yield from _contents(world)
    yield from _numbers(world)


def _files(world: World) -> Iterator[Case]:
    good = world.bundle()

    def about(text: str) -> bytes:
        return world.bundle(about={"x": "@"}).replace(b'"@"', text.encode())

    for name, data, what in (
        ("good-compact", json.dumps(world.fields()).encode(), "No space, everything escaped: the same file to JSON."),
        ("good-about-lone-surrogate", about('"\\ud800"'), "Half a character where nothing is hashed."),
        ("good-about-deep", about("[" * 62 + "]" * 62), "As deep as a file may nest."),
        ("good-about-long-number", about("1" * 100), "As long as a number may be."),
        (
            "good-about-proto",
            about('{"__proto__":{"entries":1},"constructor":null}'),
            "Names that some languages obey.",
        ),
        ("good-selection", world.bundle(selection={"kind": "object", "subject": "x:1"}), "What was asked for."),
        ("good-entries-unordered", world.bundle(entries=world.fields()["entries"][::-1]), "Any order will do."),
    ):
        yield Case(name=name, what=what, data=data)
    for name, data, what in (
        ("bad-file-empty", b"", "Nothing at all."),
        ("bad-file-utf-16", good.decode().encode("utf-16"), "UTF-16."),
        ("bad-file-trailing-data", good + b"{}", "Something after the end."),
        ("bad-file-trailing-comma", good.rstrip()[:-1] + b",}", "A comma too many."),
        ("bad-file-comment", b"// proved\n" + good, "JSON knows no comments."),
        ("bad-file-single-quotes", good.replace(b'"format"', b"'format'"), "JSON knows no other quotes."),
        ("bad-file-tab-in-text", about('"\t"'), "A control character that is not escaped."),
        ("bad-file-bad-escape", about('"\\x41"'), "JSON knows no such escape."),
        ("bad-file-escape-cut", about('"\\u12"'), "Half an escape."),
        ("bad-file-leading-zero", about("01"), "JSON knows no leading zero."),
        ("bad-file-plus", about("+1"), "JSON knows no plus."),
        ("bad-file-bare-point", about("1."), "JSON knows no bare point."),
        ("bad-file-infinity", about("-Infinity"), "JSON knows no infinity."),
        ("bad-about-field-twice-deep", about('{"a":[{"b":1,"b":1}]}'), "Twice the same field, far down."),
        ("bad-about-proto-twice", about('{"__proto__":1,"__proto__":2}'), "Twice the same field, of a special name."),
        ("bad-about-too-deep", about("[" * 63 + "]" * 63), "Deeper than a file may nest."),
        ("bad-about-too-long-number", about("1" * 101), "Longer than a number may be."),
        ("bad-file-form-feed", b"\x0c" + good, "No white space of JSON's."),
        ("bad-file-no-break-space", "\u00a0".encode() + good, "No white space of JSON's."),
        ("bad-selection-not-an-object", world.bundle(selection=["all"]), "What was asked for is an object."),
        ("bad-entry-content-null", _with(world, content=None), "A content is text."),
        ("bad-index-minus-one", _with(world, index=-1), "An index is at least zero."),
        ("bad-index-exponent", good.replace(b'"index": 3', b'"index": 3e0'), "3e0 is no whole number here."),
        (
            "bad-proto-field",
            good.replace(b'"format"', b'"__proto__": {}, "format"'),
            "An unknown field of a special name.",
        ),
    ):
        yield Case(name=name, what=what, data=data, step="shape")
    yield Case(name="good-index-minus-zero", what="Minus zero is zero.", data=_zero(world))


def _with(world: World, **changed: Any) -> bytes:
    entries = world.fields()["entries"]
    return world.bundle(entries=[{**entries[0], **changed}, *entries[1:]])


def _zero(world: World) -> bytes:
    log = world.log
    entry = {
        "index": 0,
        "body": log.bodies[0].decode(),
        "proof": [to_base64(node) for node in log.tree.inclusion_proof(0, SIZE)],
    }
    return world.bundle(entries=[entry]).replace(b'"index": 0', b'"index": -0')


def _bodies(world: World) -> Iterator[Case]:
    for name, body, what in (
        ("good-body-names-in-order", '{"10":1,"9":2,"a":3}', "Names are sorted as text, numbers or not."),
        (
            "good-body-utf-16-order",
            '{"\U0001f600":1,"\ufb33":2}',
            "Names are sorted by UTF-16 units (RFC 8785, 3.2.3).",
        ),
        ("good-body-special-names", '{"__proto__":{},"constructor":1,"toString":2}', "Names that some languages obey."),
        ("good-body-empty-name", '{"":[]}', "An empty name is a name."),
        ("good-body-large-double", '{"a":1e+21,"b":9007199254740991,"c":5e-324}', "Numbers as ECMAScript writes them."),
        ("good-body-controls", '"\\b\\f\\n\\r\\t\\u001f\x7f\u2028"', "Escapes of RFC 8785, and what is not escaped."),
        ("good-body-deep", "[" * 64 + "]" * 64, "As deep as a body may nest."),
        (
            "good-body-markup",
            '{"act":{"kind":"<script>document.title=1</script>","reason":"<img src=x onerror=alert(1)>"}}',
            "Markup is text.",
        ),
    ):
        yield Case(name=name, what=what, data=written(world.of_bodies(body.encode())))
    for name, body, what in (
        ("bad-body-code-point-order", '{"\ufb33":2,"\U0001f600":1}', "Names sorted by code points."),
        ("bad-body-field-twice", '{"a":1,"a":1}', "Twice the same field."),
        ("bad-body-proto-twice", '{"__proto__":1,"__proto__":1}', "Twice the same field, of a special name."),
        ("bad-body-minus-zero", "[-0]", "Minus zero is written 0."),
        ("bad-body-one-point-zero", "[1.0]", "1.0 is written 1."),
        ("bad-body-exponent", "[1E3]", "1E3 is written 1000."),
        ("bad-body-too-large", "[1e400]", "No double holds it."),
        ("bad-body-beyond-2-53", "[9007199254740993]", "No double holds it."),
        ("bad-body-lone-surrogate", '["\\ud800"]', "Half a character has no UTF-8."),
        ("bad-body-lone-surrogate-name", '{"\\udc00":1}', "Half a character has no UTF-8, in names too."),
        ("bad-body-escaped-slash", '["\\/"]', "A slash is not escaped."),
        ("bad-body-escape-upper-case", '["\\u001F"]', "Escapes are in lower case."),
        ("bad-body-too-deep", "[" * 65 + "]" * 65, "Deeper than a body may nest."),
        ("bad-body-byte-order-mark", "\ufeff{}", "A byte order mark is no JSON."),
        ("bad-body-empty", "", "No JSON."),
    ):
        yield Case(name=name, what=what, data=written(world.of_bodies(body.encode())), step="entries", index=5)
    what = "The second of two bodies is at fault."
    data = written(world.of_bodies(b"{}", b"{ }"))
    yield Case(name="bad-body-second", what=what, data=data, step="entries", index=6)


def _contents(world: World) -> Iterator[Case]:
    content = canonical_bytes(
        [{"diff": {"note": "Z\u00fcrich"}, "key": "1", "op": "I", "table": "governance_approval"}]
    )
    text = content.decode()
    good = {"length": len(content), "sha256": hashlib.sha256(content).hexdigest()}

    def bundle(named: Any = good, given: str | None = text, *, form: str = "countersign/entry/v1") -> bytes:
        body = canonical_bytes({"act": {"kind": "a.b.c"}, "content": named, "format": form, "transaction": "1:7"})
        return written(world.of_bodies(body, contents=None if given is None else {0: given}))

    yield Case(name="good-content", what="The changes are beside the entry, which names them by digest.", data=bundle())
    what = "The changes are not given: that is said, and is no failure."
    yield Case(name="good-content-not-given", what=what, data=bundle(given=None))
    what = "Another format's field of that name means nothing here."
    yield Case(name="good-content-of-another-format", what=what, data=bundle("x", None, form="other"))
    spaced = text.replace(":", ": ")
    named = {"length": len(spaced.encode()), "sha256": hashlib.sha256(spaced.encode()).hexdigest()}
    for name, data, what in (
        ("bad-content-altered", bundle(given=text.replace("Z\u00fcrich", "Geneva.")), "Same length, other text."),
        ("bad-content-length", bundle({**good, "length": good["length"] + 1}), "The entry names another length."),
        ("bad-content-cut-off", bundle(given=text[:-1]), "A byte is missing."),
        ("bad-content-unnamed", bundle("x", text, form="other"), "A content that no entry names."),
        ("bad-content-not-canonical", bundle(named, spaced), "Named as it is, and not canonical JSON."),
        (
            "bad-content-digest-upper-case",
            bundle({**good, "sha256": str(good["sha256"]).upper()}),
            "Digests are in lower case.",
        ),
        ("bad-content-named-with-more", bundle({**good, "type": "x"}), "A name with a field too many."),
        ("bad-content-named-with-less", bundle({"sha256": good["sha256"]}), "A name without a length."),
        ("bad-content-length-true", bundle({**good, "length": True}), "true is no length."),
        ("bad-content-length-negative", bundle({**good, "length": -1}), "No content has that length."),
        ("bad-content-length-half", bundle({**good, "length": 0.5}), "No content has that length."),
    ):
        yield Case(name=name, what=what, data=data, step="content", index=5)


def _numbers(world: World) -> Iterator[Case]:
    for name, index, size, what in (
        ("good-index-beyond-2-53", MANY + 1, 2 * MANY + 3, "No double holds this index."),
        ("good-index-largest", 2**63 - 2, 2**63 - 1, "The last entry of the largest log."),
        ("good-index-first-of-one", 0, 1, "A log of one entry has an empty proof."),
    ):
        yield Case(name=name, what=what, data=written(world.huge(index, size)))
    fields = world.huge(MANY + 1, 2 * MANY + 3)
    what = "The next index: a reader that rounds to doubles would not see it."
    moved = [{**fields["entries"][0], "index": MANY}]
    yield Case(
        name="bad-index-rounded", what=what, data=written({**fields, "entries": moved}), step="inclusion", index=MANY
    )
