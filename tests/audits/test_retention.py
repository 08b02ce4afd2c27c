"""Periods may be longer than the regulations ask, never shorter; and nothing at all goes before 183 days."""

import os
import subprocess
import sys
from datetime import UTC, datetime

import pytest

from audits.retention import RetentionError, parse_retention


def test_each_class_lasts_as_long_as_its_regulation_asks_unless_a_setting_makes_it_longer() -> None:
    least = parse_retention("")
    assert [(found.name, found.period) for found in least.classes] == [
        ("operation", "183 days"),
        ("records", "6 years"),
        ("documentation", "10 years"),
    ]
    longer = parse_retention("operation=400d, records=7y, governance.session.opened=records")
    assert [found.period for found in longer.classes] == ["400 days", "7 years", "10 years"]
    assert longer.class_of("governance.session.opened").name == "records"
    assert longer.class_of("nobody.said.anything").name == "documentation"


def test_moving_a_kind_of_act_never_keeps_it_for_less_than_its_own_regulation_asks() -> None:
    shorter = parse_retention("nobody.said.anything=operation, nobody.said.more=records")
    assert shorter.class_of("nobody.said.anything").period == "10 years"
    assert shorter.class_of("nobody.said.more").period == "10 years"
    assert [said.split(",")[0] for said in shorter.shortened()] == [
        "nobody.said.anything=operation would keep nobody.said.anything for 183 days",
        "nobody.said.more=records would keep nobody.said.more for 6 years",
    ]
    # A class that was made long enough takes them.
    longer = parse_retention("records=11y, nobody.said.more=records")
    assert longer.class_of("nobody.said.more").period == "11 years"
    assert longer.shortened() == []


def test_ten_years_from_a_leap_day_end_on_the_first_of_march() -> None:
    begun = datetime(2024, 2, 29, 12, tzinfo=UTC)
    assert parse_retention("").ends("nobody.said.anything", begun) == datetime(2034, 3, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("operation=182d", "less than 183 days"),
        ("records=1d", "less than 183 days"),
        ("records=5y", "less than 6 years"),
        ("documentation=3000d", "less than 10 years"),
        ("operation=0d", "a period is days or years"),
        ("operation=-200d", "a period is days or years"),
        ("operation=forever", "a period is days or years"),
        ("archive=10y", "neither a class"),
        ("governance.session.opened=short", "is no class"),
        ("operation", "is not class=period"),
    ],
)
def test_a_setting_that_asks_for_less_or_makes_no_sense_is_refused_in_words(text: str, said: str) -> None:
    with pytest.raises(RetentionError, match=said):
        parse_retention(text)


def test_the_service_does_not_start_with_such_a_setting() -> None:
    done = subprocess.run(
        [sys.executable, "manage.py", "check"],
        capture_output=True,
        text=True,
        env={**os.environ, "COUNTERSIGN_RETENTION": "operation=90d"},
    )
    assert done.returncode == 1
    assert "COUNTERSIGN_RETENTION cannot be used: operation=90d is less than 183 days" in done.stderr
    assert "Traceback" not in done.stderr


def test_no_command_runs_where_a_move_would_cut_an_approval_short() -> None:
    done = subprocess.run(
        [sys.executable, "manage.py", "check"],
        capture_output=True,
        text=True,
        env={**os.environ, "COUNTERSIGN_RETENTION": "governance.approval.granted=operation"},
    )
    assert done.returncode == 1
    assert "governance.approval.granted for 183 days, less than 10 years" in done.stderr
    assert "Traceback" not in done.stderr
