"""How values are written: worked examples, and refusals."""

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from enum import StrEnum

import pytest

from audits.documents import DocumentError
from audits.documents.formatting import (
    MINUS,
    bare_digest,
    dotted_parts,
    format_cell,
    format_interval,
    format_number,
    format_percent,
    format_size,
    format_time,
    short_digest,
)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (1234567, "1,234,567"),
        (-5, f"{MINUS}5"),
        (0.0, "0"),
        (0.86421, "0.8642"),
        (0.05, "0.05"),
        (-0.25, f"{MINUS}0.25"),
        (12.3456, "12.35"),
        (1234.56, "1,234.6"),
        (1234.0, "1,234"),
        (0.00001234, "1.234e-05"),
        (Decimal("0.80"), "0.8"),
        (float("nan"), "not defined"),
        (float("inf"), "unbounded"),
        (None, "—"),
    ],
)
def test_it_writes_numbers_as_people_read_them(value: float | None, text: str) -> None:
    assert format_number(value) == text


@pytest.mark.parametrize(
    ("value", "digits", "text"),
    [
        (0.5, 3, "0.500"),
        (-0.0001, 3, "0.000"),
        (-0.0005001, 3, f"{MINUS}0.001"),
        (1234.5, 2, "1,234.50"),
        (7, 3, "7"),
    ],
)
def test_fixed_decimals_never_show_a_sign_that_the_digits_do_not_have(value: float, digits: int, text: str) -> None:
    assert format_number(value, digits) == text


def test_it_writes_shares_as_percentages() -> None:
    assert format_percent(0.2847) == "28.5%"
    assert format_percent(-0.01) == f"{MINUS}1.0%"
    assert format_percent(None) == "—"
    assert format_percent(float("nan")) == "not defined"


def test_it_writes_intervals_in_words() -> None:
    assert format_interval(-0.1, 0.25) == f"{MINUS}0.100 to 0.250"
    assert format_interval(None, 0.25) == "—"


def test_it_writes_every_time_in_utc_and_says_so() -> None:
    moment = datetime(2026, 11, 30, 20, 46, 31, tzinfo=timezone(timedelta(hours=1)))
    assert format_time(moment) == "2026-11-30 19:46:31 UTC"


def test_it_refuses_a_time_without_a_zone() -> None:
    with pytest.raises(DocumentError, match="time zone"):
        format_time(datetime(2026, 11, 30, 19, 46, 31))  # noqa: DTZ001


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (999_960, "1.0 MB"), (4_812_338, "4.8 MB"), (None, "—")],
)
def test_it_writes_sizes(count: int | None, text: str) -> None:
    assert format_size(count) == text


def test_a_shortened_digest_says_that_it_was_cut() -> None:
    assert short_digest("sha256:" + "ab" * 32) == "abababababab…"
    assert short_digest("abcd") == "abcd"
    assert bare_digest("sha256:abcd") == "abcd"
    assert bare_digest("") == "—"


def test_a_dotted_name_comes_in_pieces_that_make_it_up_again() -> None:
    assert dotted_parts("audits.evidence.recorded") == ["audits.", "evidence.", "recorded"]
    assert dotted_parts("plain") == ["plain"]


class _Color(StrEnum):
    RED = "Red"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (True, "Yes"),
        (False, "No"),
        ("", "—"),
        ("words", "words"),
        (_Color.RED, "Red"),
        (3, "3"),
        (date(2026, 1, 2), "2026-01-02"),
        (datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC), "2026-01-02 03:04:05 UTC"),
    ],
)
def test_a_cell_may_hold_these(value: str, text: str) -> None:
    assert format_cell(value) == text


def test_a_cell_may_not_hold_anything_else() -> None:
    with pytest.raises(DocumentError, match="list") as refused:
        format_cell([1])  # type: ignore[arg-type]
    assert refused.value.code == "document_value"
