"""A snapshot says exactly what it was given, keeps it through JSON, and refuses what JSON could not keep."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest

from audits.merkle.canonical import canonical_bytes
from governance.policies.errors import PolicyError
from governance.policies.snapshots import Fact, FactSnapshot
from governance.policies.values import exact_decimal, write_decimal, write_timestamp
from tests.governance.policies.conftest import AT

MakeFact = Callable[..., Fact]


@pytest.fixture
def snapshot(fact: MakeFact) -> FactSnapshot:
    """One fact of every type."""
    return FactSnapshot(
        {
            "model.retired": fact(False),
            "dataset.rows": fact(442),
            "fairness.impact_ratio_min": fact(Decimal("0.80"), low=Decimal("0.7"), high=Decimal("0.95")),
            "version.framework": fact("scikit-learn"),
            "version.registered_at": fact(datetime(2026, 11, 20, 8, 30, 0, 5, tzinfo=UTC)),
            "dataset.sensitive_attributes": fact(frozenset({"sex", "age"})),
        }
    )


def test_it_goes_through_json_and_comes_back_the_same(snapshot: FactSnapshot) -> None:
    data = canonical_bytes(snapshot.as_json())
    again = FactSnapshot.from_bytes(data)
    assert again == snapshot
    assert again.digest == snapshot.digest
    assert canonical_bytes(again.as_json()) == data


def test_the_digest_does_not_depend_on_order_zone_or_trailing_zeros(fact: MakeFact) -> None:
    east = AT.astimezone(timezone(timedelta(hours=9)))
    one = FactSnapshot({"performance.r2": fact(Decimal("0.8")), "dataset.rows": fact(1)})
    other = FactSnapshot({"dataset.rows": fact(1, as_of=east), "performance.r2": fact(Decimal("0.800"))})
    assert one.digest == other.digest
    assert one.digest != FactSnapshot({"dataset.rows": fact(1)}).digest


def test_it_cannot_be_changed(snapshot: FactSnapshot, fact: MakeFact) -> None:
    with pytest.raises(TypeError):
        snapshot.facts["model.retired"] = fact(True)  # type: ignore[index]


@pytest.mark.parametrize("value", [0.8, None, 1j, b"0.8", ["a"], {"a"}, Decimal("NaN"), Decimal("Infinity")])
def test_it_refuses_values_that_are_no_facts(value: object, fact: MakeFact) -> None:
    with pytest.raises(PolicyError):
        fact(value)


@pytest.mark.parametrize(
    "value",
    [2**53, "a\x00", "\ud800", "x" * 2001, frozenset({"a\x07"}), Decimal("1e500"), Decimal("1e-500")],
    ids=str,
)
def test_it_refuses_values_that_json_could_not_keep(value: Any, fact: MakeFact) -> None:
    with pytest.raises(PolicyError):
        FactSnapshot({"version.framework": fact(value)})


def test_it_refuses_half_an_interval_and_one_turned_around(fact: MakeFact) -> None:
    with pytest.raises(PolicyError, match="both bounds"):
        fact(Decimal(1), low=Decimal(0))
    with pytest.raises(PolicyError, match="lies above"):
        fact(Decimal(1), low=Decimal(2), high=Decimal(1))
    with pytest.raises(PolicyError, match="Only a decimal"):
        fact(1, low=Decimal(0), high=Decimal(2))


def test_it_refuses_a_time_without_zone_and_a_strange_name(fact: MakeFact) -> None:
    with pytest.raises(PolicyError, match="time zone"):
        fact(1, as_of=AT.replace(tzinfo=None))
    with pytest.raises(PolicyError, match="not the name of a fact"):
        FactSnapshot({"Rows": fact(1)})


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"type": "float"}, "type"),
        ({"value": "0.8"}, "a whole number is needed"),
        ({"as_of": "2026-11-21"}, "as_of"),
        ({"as_of": "2026-02-30T10:00:00Z"}, "not a day and time of the calendar"),
        ({"source": {"kind": "rumor", "reference": "x", "title": "x"}}, "source.kind"),
        ({"low": "0.1"}, "both bounds"),
        ({"extra": 1}, '"extra" is not known here'),
    ],
)
def test_it_refuses_a_stored_fact_with_a_fault(change: dict[str, Any], said: str, fact: MakeFact) -> None:
    document: dict[str, Any] = FactSnapshot({"dataset.rows": fact(1)}).as_json()
    document["facts"]["dataset.rows"].update(change)
    with pytest.raises(PolicyError) as refused:
        FactSnapshot.from_json(document)
    assert "facts.dataset.rows" in refused.value.message
    assert said in refused.value.message


def test_a_measured_number_becomes_the_decimal_it_is_written_as() -> None:
    assert exact_decimal(0.1) == Decimal("0.1")
    assert exact_decimal(1e-17) == Decimal("1e-17")
    assert exact_decimal(3) == Decimal(3)
    for nonsense in (float("nan"), float("inf"), "many", ""):
        with pytest.raises(PolicyError):
            exact_decimal(nonsense)


def test_each_number_and_moment_has_one_written_form() -> None:
    written = [write_decimal(Decimal(text)) for text in ("0.80", "-0", "1E+2", "100", "0.000", "-1.50")]
    assert written == ["0.8", "0", "100", "100", "0", "-1.5"]
    assert write_timestamp(AT) == "2026-11-21T10:00:00Z"
    assert write_timestamp(AT + timedelta(microseconds=1500)) == "2026-11-21T10:00:00.001500Z"
