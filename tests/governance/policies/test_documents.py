"""A policy document is refused wherever it could not be evaluated, and the refusal names the place."""

import json
from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest
import rfc8785

from audits.merkle.canonical import sha256_hex
from governance.policies.documents import Policy, parse_policy, policy_from_json
from governance.policies.errors import PolicyError

GOOD: dict[str, Any] = {
    "format": "countersign/policy/v1",
    "id": "release",
    "title": "Release",
    "version": 3,
    "applies_to": {"risk_tiers": ["high"], "environments": ["production"]},
    "clauses": [
        {
            "id": "fair",
            "title": "Fair",
            "requires": {"fact": "fairness.impact_ratio_min", "op": ">=", "value": "0.8"},
            "message": "Reduce the disparity.",
            "owner": "risk_officer",
            "reference": ["NIST AI RMF MEASURE 2.11"],
        }
    ],
}


def with_requires(requires: object) -> dict[str, Any]:
    document = deepcopy(GOOD)
    document["clauses"][0]["requires"] = requires
    return document


def test_it_reads_what_was_written() -> None:
    policy = parse_policy(json.dumps(GOOD).encode())
    assert (policy.id, policy.title, policy.version) == ("release", "Release", 3)
    (clause,) = policy.clauses
    assert (clause.id, clause.owner, clause.reference) == (
        "fair",
        "risk_officer",
        ("NIST AI RMF MEASURE 2.11",),
    )
    assert policy.document == GOOD


def test_the_digest_is_that_of_the_canonical_json_and_of_no_other_spelling() -> None:
    spaced = json.dumps(GOOD, indent=8).encode()
    turned = json.dumps(dict(reversed(GOOD.items()))).encode()
    expected = sha256_hex(rfc8785.dumps(GOOD))
    assert parse_policy(spaced).digest == parse_policy(turned).digest == expected
    assert policy_from_json({**GOOD, "version": 4}).digest != expected


def test_it_applies_only_within_its_scope() -> None:
    policy = policy_from_json(GOOD)
    assert policy.applies(risk_tier="high", environment="production")
    assert not policy.applies(risk_tier="low", environment="production")
    assert not policy.applies(risk_tier="high", environment="staging")
    everywhere = policy_from_json({name: value for name, value in GOOD.items() if name != "applies_to"})
    assert everywhere.applies(risk_tier="low", environment="staging")


ATTACKS: list[tuple[str, object, str]] = [
    (
        "unknown fact",
        {"fact": "fairness.nonsense", "op": "==", "value": True},
        "requires.fact: there is no fact",
    ),
    (
        "unknown operator",
        {"fact": "model.retired", "op": "=~", "value": True},
        'requires.op: "=~" is not known',
    ),
    (
        "order of truth values",
        {"fact": "model.retired", "op": "<", "value": True},
        "does not fit model.retired",
    ),
    (
        "order of texts",
        {"fact": "version.framework", "op": ">", "value": "a"},
        "does not fit version.framework",
    ),
    ("text for truth", {"fact": "model.retired", "op": "==", "value": "true"}, "true or false is needed"),
    ("number for truth", {"fact": "model.retired", "op": "==", "value": 1}, "true or false is needed"),
    ("truth for number", {"fact": "dataset.rows", "op": "==", "value": True}, "a whole number is needed"),
    (
        "binary fraction",
        {"fact": "performance.r2", "op": ">", "value": 0.8},
        "requires.value is a binary fraction",
    ),
    ("whole number for decimal", {"fact": "performance.r2", "op": ">", "value": 1}, "text is needed here"),
    ("exponent", {"fact": "performance.r2", "op": ">", "value": "1e3"}, "is not a decimal written as text"),
    (
        "not a number",
        {"fact": "performance.r2", "op": ">", "value": "NaN"},
        "is not a decimal written as text",
    ),
    (
        "leading zero",
        {"fact": "performance.r2", "op": ">", "value": "00.8"},
        "is not a decimal written as text",
    ),
    (
        "unknown choice",
        {"fact": "performance.task", "op": "==", "value": "regresion"},
        "is not known; known are",
    ),
    ("no value", {"fact": "performance.r2", "op": ">"}, '"value" is missing'),
    ("value of exists", {"fact": "performance.r2", "op": "exists", "value": "1"}, '"exists" takes no value'),
    ("empty list of choices", {"fact": "dataset.rows", "op": "in", "value": []}, "the list has 0 items"),
    ("bad age", {"fact": "performance.r2", "op": "exists", "max_age": "P3M"}, "is not an age such as"),
    ("age of nothing", {"fact": "performance.r2", "op": "exists", "max_age": "P0D"}, "is not an age such as"),
    (
        "interval of a count",
        {"fact": "dataset.rows", "op": ">=", "value": 5, "interval": "strict"},
        "an interval matters only",
    ),
    ("extra member", {"fact": "model.retired", "op": "exists", "note": "x"}, '"note" is not known here'),
    ("two kinds at once", {"all": [], "any": []}, '"any" is not known here'),
    ("all of nothing", {"all": []}, "the list has 0 items"),
    ("any of nothing", {"any": []}, "the list has 0 items"),
    ("not a list", {"all": {"fact": "model.retired", "op": "exists"}}, "requires.all: a list is needed"),
    ("a text", "model.retired", "requires: an object is needed"),
    ("nothing known", {"maybe": []}, 'an expression is an object with "all"'),
    (
        "fault deep inside",
        {
            "all": [
                {"fact": "model.retired", "op": "exists"},
                {"not": {"any": [{"fact": "x", "op": "exists"}]}},
            ]
        },
        "clauses[0].requires.all[1].not.any[0].fact",
    ),
    ("control character", {"fact": "version.framework", "op": "==", "value": "a\x00b"}, "control character"),
    ("half a character", {"fact": "version.framework", "op": "==", "value": "\ud800"}, "half a character"),
]


@pytest.mark.parametrize(("requires", "said"), [a[1:] for a in ATTACKS], ids=[a[0] for a in ATTACKS])
def test_it_refuses_an_expression_that_could_not_be_evaluated(requires: object, said: str) -> None:
    with pytest.raises(PolicyError) as refused:
        policy_from_json(with_requires(requires))
    assert said in refused.value.message


def test_it_refuses_what_is_nested_too_deep(policy_of: Callable[..., Policy]) -> None:
    expression: object = {"fact": "model.retired", "op": "exists"}
    for _ in range(7):
        expression = {"not": expression}
    policy_of(expression)
    with pytest.raises(PolicyError, match="at most 8 levels deep"):
        policy_of({"not": expression})


def test_it_refuses_a_clause_with_too_many_expressions(policy_of: Callable[..., Policy]) -> None:
    leaf = {"fact": "model.retired", "op": "exists"}
    policy_of({"all": [leaf] * 199})
    with pytest.raises(PolicyError, match="at most 200 expressions"):
        policy_of({"all": [{"any": [leaf] * 100}, {"any": [leaf] * 100}]})


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"format": "countersign/policy/v2"}, "format"),
        ({"id": "Not A Slug"}, "id: "),
        ({"title": " "}, "title: the text is empty"),
        ({"version": 0}, "version: 0 is outside"),
        ({"version": True}, "version: a whole number"),
        ({"clauses": []}, "clauses: the list has 0 items"),
        ({"clauses": GOOD["clauses"] * 2}, 'two clauses have the id "fair"'),
        ({"clauses": [{**GOOD["clauses"][0], "owner": "auditor"}]}, "clauses[0].owner"),
        ({"applies_to": {"weather": ["fine"]}}, '"weather" is not known here'),
        ({"applies_to": {"risk_tiers": []}}, "applies_to.risk_tiers"),
        ({"unheard_of": 1}, '"unheard_of" is not known here'),
    ],
)
def test_it_refuses_a_document_with_a_fault_and_names_the_place(change: dict[str, Any], said: str) -> None:
    with pytest.raises(PolicyError) as refused:
        policy_from_json({**GOOD, **change})
    assert said in refused.value.message


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "not JSON"),
        (b"[]", "an object is needed here"),
        (b'{"format": "countersign/policy/v1"}', '"id" is missing'),
        (b'{"id": "a", "id": "b"}', 'The name "id" is written twice'),
        (b'{"version": 1.0}', 'not a whole number; write decimals as text, as in "0.8"'),
        (b'{"version": NaN}', "not a whole number"),
        (b'{"version": 9007199254740992}', "too large"),
        (b'{"version": ' + b"9" * 5000 + b"}", "too large"),
        (b"\xff\xfe", "not UTF-8"),
        (b"[" * 50 + b"]" * 50, "more than 40 levels"),
        (b"[" * 100_000, "more than 40 levels"),
        (b" " * (256 * 1024 + 1), "at most 262144 are read"),
    ],
)
def test_it_refuses_bytes_that_are_no_sound_document(data: bytes, said: str) -> None:
    with pytest.raises(PolicyError) as refused:
        parse_policy(data)
    assert said in refused.value.message
