"""The demo takes the user's table as it is, or says what to change."""

from pathlib import Path

import pytest

from audits.errors import DomainError
from governance.demo.tables import Study, study_of_file


def write(path: Path, *, outcomes: str = "yes,no", rows: int = 80, name: str = "loans.csv") -> Path:
    values = outcomes.split(",")
    lines = [f"{values[at % len(values)]},{'f' if at % 3 else 'm'},{at},0.{at % 10}" for at in range(rows)]
    file = path / name
    file.write_text("repaid,sex,income,score\n" + "\n".join(lines) + "\n", encoding="utf-8")
    return file


def study(file: Path, **changes: object) -> Study:
    asked = {"target": "repaid", "positive": "yes", "sensitive": ["sex"], "predictions": "", "threshold": None}
    return study_of_file(file, **{**asked, **changes})  # type: ignore[arg-type]


def test_it_takes_a_table_and_names_the_model_after_the_file(tmp_path: Path) -> None:
    found = study(write(tmp_path, name="Meine Kredite ü.csv"))
    assert found.name == "meine-kredite-u"
    assert found.table.num_rows == 80


def test_of_many_outcomes_it_asks_for_one_against_the_others(tmp_path: Path) -> None:
    found = study(write(tmp_path, outcomes="yes,no,late"))
    assert set(found.table.column("repaid").to_pylist()) == {"yes", "not yes"}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"target": "repayed"}, "did you mean"),
        ({"positive": "maybe"}, "Its values are"),
        ({"sensitive": ["race"]}, "no column"),
        ({"sensitive": ["repaid"]}, "different columns"),
        ({"predictions": "points"}, "no column"),
        ({"threshold": 1.6}, "between 0 and 1"),
    ],
)
def test_it_says_what_to_change(tmp_path: Path, changes: dict[str, object], said: str) -> None:
    with pytest.raises(DomainError, match=said):
        study(write(tmp_path), **changes)


def test_it_refuses_one_outcome_few_rows_and_what_is_no_table(tmp_path: Path) -> None:
    with pytest.raises(DomainError, match="nothing to predict"):
        study(write(tmp_path, outcomes="yes"))
    with pytest.raises(DomainError, match="needs 60"):
        study(write(tmp_path, rows=20))
    with pytest.raises(DomainError, match="cannot be read"):
        study(tmp_path / "absent.csv")
    with pytest.raises(DomainError, match="directory"):
        study(tmp_path)
