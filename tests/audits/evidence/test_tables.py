"""Tables: what is read from CSV and Parquet, and what is refused with which words."""

import datetime
import decimal
import hashlib
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet
import pytest

from audits.evidence import EvidenceError, describe_isolated, describe_table, digest_of_file, read_table
from audits.evidence.outcomes import numeric_target, outcomes_of_column, read_target
from audits.evidence.tables import require_column


def written(tmp_path: Path, text: str | bytes) -> Path:
    path = tmp_path / "table.csv"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def test_it_describes_columns_with_type_missing_and_distinct(tmp_path: Path) -> None:
    path = written(
        tmp_path, "id,age,name,ok,when\n1,2.5,ann,true,2024-01-01\n2,NA,,false,2024-01-02\n3,2.5,bo,true,x\n"
    )
    described = describe_table(path)
    assert described.rows == 3
    assert described.sha256 == hashlib.sha256(path.read_bytes()).hexdigest() == digest_of_file(path)
    assert [(c.name, c.type, c.missing, c.distinct) for c in described.columns] == [
        ("id", "integer", 0, 3),
        ("age", "number", 1, 1),
        ("name", "text", 1, 2),
        ("ok", "boolean", 0, 2),
        ("when", "text", 0, 3),
    ]


def test_it_reads_csv_as_pandas_does(tmp_path: Path) -> None:
    text = "a,b,c\n1,x, 2\n2,NA,3.5\n,y,null\n"
    path = written(tmp_path, text)
    pd.testing.assert_frame_equal(read_table(path).to_pandas(), pd.read_csv(path))


def test_a_late_cell_decides_the_type_of_its_whole_column(tmp_path: Path) -> None:
    path = written(tmp_path, "a\n" + "1\n" * 600_000 + "x\n")
    assert read_table(path).column("a").type == pa.string()


def test_semicolons_quotes_and_a_byte_order_mark_are_read(tmp_path: Path) -> None:
    path = written(tmp_path, '\ufeffa;b\n1;"x;y"\n')
    assert read_table(path).to_pydict() == {"a": [1], "b": ["x;y"]}


def test_parquet_is_known_by_its_bytes_and_not_its_name(tmp_path: Path) -> None:
    path = tmp_path / "named.csv"
    pa.parquet.write_table(pa.table({"a": [1, 2]}), path)
    assert describe_table(path).format == "parquet"


DAY = datetime.date(2024, 2, 29)


@pytest.mark.parametrize(
    ("column", "kind", "missing", "distinct"),
    [
        (pa.array(["x", "y", None, "x"]).dictionary_encode(), "text", 1, 2),
        (pa.array([5, 6, 5, None]).dictionary_encode(), "integer", 1, 2),
        (pa.nulls(4), "number", 4, 0),
        (pa.nulls(4, pa.string()), "text", 4, 0),
        (pa.array([DAY, DAY, None, DAY]), "time", 1, 1),
        (pa.array([datetime.datetime(2024, 1, 1, 5, tzinfo=datetime.UTC)] * 4), "time", 0, 1),
        (pa.array([datetime.time(5)] * 4), "time", 0, 1),
        (pa.array([datetime.timedelta(days=1), None] * 2), "time", 2, 1),
        (pa.array([decimal.Decimal("1.50"), None, decimal.Decimal("2.25"), decimal.Decimal("1.5")]), "number", 1, 2),
        (pa.array(["x", "y", None, "x"], pa.large_string()), "text", 1, 2),
        (pa.array(["x", "y", None, "x"], pa.string_view()), "text", 1, 2),
        (pa.array([True, None, False, True]), "boolean", 1, 2),
        (pa.array([1.5, np.nan, None, 1.5], pa.float16()), "number", 2, 1),
        (pa.array([b"x", b"y", None, b"x"]), "other", 1, 2),
        (pa.array([1, 2, 3, 4], pa.uint64()), "integer", 0, 4),
    ],
    ids=lambda value: str(value.type) if isinstance(value, pa.Array) else "",
)
def test_each_type_of_parquet_is_described_and_read(
    tmp_path: Path, column: pa.Array, kind: str, missing: int, distinct: int
) -> None:
    path = tmp_path / "table.parquet"
    pa.parquet.write_table(pa.table({"a": column, "a.b": [1, 2, 3, 4]}), path)
    described = describe_table(path)
    assert [c.name for c in described.columns] == ["a", "a.b"]
    first = described.columns[0]
    assert (first.type, first.missing, first.distinct) == (kind, missing, distinct)
    read = read_table(path).column("a")
    assert not pa.types.is_dictionary(read.type)
    assert len(read.to_pandas()) == 4


def test_categories_of_pandas_are_read_as_their_values(tmp_path: Path) -> None:
    path = tmp_path / "table.parquet"
    pd.DataFrame(
        {"job": pd.Categorical(["office", "field", None]), "when": pd.period_range("2024", periods=3)}
    ).to_parquet(path)
    assert read_table(path).column("job").to_pylist() == ["office", "field", None]
    assert [c.type for c in describe_table(path).columns] == ["text", "integer"]


@pytest.mark.parametrize(
    "column",
    [pa.array([{"x": 1}]), pa.array([[1, 2]]), pa.array([[("k", 1)]], pa.map_(pa.string(), pa.int64()))],
    ids=str,
)
def test_nested_columns_are_refused_by_name(tmp_path: Path, column: pa.Array) -> None:
    path = tmp_path / "table.parquet"
    pa.parquet.write_table(pa.table({"age": [31], "visits": column}), path)
    for reads in (read_table, describe_table):
        with pytest.raises(EvidenceError, match=r"“visits”.*Leave them out") as refused:
            reads(path)
        assert refused.value.code == "nested_column"


def test_a_table_is_described_in_a_process_of_its_own_as_it_is_here(tmp_path: Path) -> None:
    path = written(tmp_path, "a,b\n1,x\n2,\n")
    assert describe_isolated(path, timeout_seconds=60, memory_bytes=2 << 30) == describe_table(path)
    with pytest.raises(EvidenceError, match="no rows"):
        describe_isolated(written(tmp_path, "a,b\n"), timeout_seconds=60, memory_bytes=2 << 30)


def test_a_small_file_that_swells_is_stopped_by_its_memory(tmp_path: Path) -> None:
    path = tmp_path / "bomb.parquet"
    long = pa.DictionaryArray.from_arrays(pa.array(np.zeros(100_000, np.int32)), pa.array(["x" * 50_000]))
    pa.parquet.write_table(pa.table({"a": long}), path)
    assert path.stat().st_size < 100_000
    with pytest.raises(EvidenceError, match="memory") as refused:
        describe_isolated(path, timeout_seconds=60, memory_bytes=1 << 30)
    assert refused.value.code in {"out_of_memory", "evidence_crashed"}


@pytest.mark.parametrize(
    ("text", "code", "words"),
    [
        ("a,b\n", "empty_table", "no rows"),
        ("", "unreadable_file", "empty"),
        ("a,a\n1,2\n", "duplicate_column", "“a”"),
        ("a,b\n1\n", "unreadable_file", "CSV in UTF-8"),
        (b"a\n\xff\xfe\n", "unreadable_file", "UTF-8"),
        (b"PAR1 and then nothing", "unreadable_file", "Parquet"),
        (b"a\0b\n1\n", "unreadable_file", "binary"),
    ],
)
def test_what_cannot_be_read_is_refused_with_words(tmp_path: Path, text: str | bytes, code: str, words: str) -> None:
    with pytest.raises(EvidenceError, match=words) as refused:
        read_table(written(tmp_path, text))
    assert refused.value.code == code


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(EvidenceError, match="cannot be read"):
        read_table(tmp_path / "absent.csv")


def test_a_mistyped_column_is_answered_with_the_nearest() -> None:
    with pytest.raises(EvidenceError, match="did you mean “personal_status”"):
        require_column(pa.table({"personal_status": [1], "age": [2]}), "Personal_statu", "sensitive")


@pytest.mark.parametrize(
    ("values", "positive", "code", "words"),
    [
        ([1, 1], "1", "one_class", "one value only"),
        ([1, 2], "3", "unknown_positive", "“1”, “2”"),
        ([1, 2], None, "no_positive", "Name the positive value"),
        (["a", "b", "c"], "a", "not_binary", "3 values"),
        ([None, None], "1", "empty_target", "no values"),
    ],
)
def test_a_target_that_cannot_be_measured_is_refused(values: list, positive: str | None, code: str, words: str) -> None:
    with pytest.raises(EvidenceError, match=words) as refused:
        read_target(pa.table({"y": values}), "y", positive)
    assert refused.value.code == code


@pytest.mark.parametrize("values", [[1, 2, None], [1.0, 2.0, np.nan], ["1", "2", None], ["1.0", "2", None]])
def test_the_positive_value_is_compared_as_text(values: list) -> None:
    target = read_target(pa.table({"y": values}), "y", "1")
    assert target.truth.tolist() == [1, 0]
    assert (target.positive, target.negative, target.missing) == ("1", "2", 1)


@pytest.mark.parametrize(
    ("values", "selected", "scores", "words"),
    [
        (["good", "bad", "good"], [1, 0, 1], None, "values of the target"),
        ([1, 0, 0], [1, 0, 0], None, "1 being the positive"),
        ([True, False, False], [1, 0, 0], None, "true being the positive"),
        ([0.5, 0.49, 1.0], [1, 0, 1], [0.5, 0.49, 1.0], "scores"),
    ],
)
def test_predictions_are_read_as_labels_or_scores(
    values: list, selected: list, scores: list | None, words: str
) -> None:
    table = pa.table({"y": ["good", "bad", "bad"], "p": values})
    outcomes = outcomes_of_column(table, read_target(table, "y", "good"), "p", "auto", 0.5)
    assert outcomes.selected.tolist() == selected
    assert (None if outcomes.scores is None else outcomes.scores.tolist()) == scores
    assert words in outcomes.read_as


@pytest.mark.parametrize(
    ("values", "code", "words"),
    [
        ([0.2, 1.7, 0.4], "scores_out_of_range", "0.2 to 1.7; 1 of 3"),
        (["good", "ugly", "bad"], "unknown_prediction", "“ugly”"),
        ([0.2, None, 0.4], "missing_prediction", "1 of 3"),
    ],
)
def test_predictions_that_make_no_sense_are_refused(values: list, code: str, words: str) -> None:
    table = pa.table({"y": ["good", "bad", "bad"], "p": values})
    with pytest.raises(EvidenceError, match=words) as refused:
        outcomes_of_column(table, read_target(table, "y", "good"), "p", "auto", 0.5)
    assert refused.value.code == code


def test_scores_of_zero_and_one_can_be_asked_to_be_scores() -> None:
    table = pa.table({"y": [0, 1], "p": [0, 1]})
    outcomes = outcomes_of_column(table, read_target(table, "y", "1"), "p", "scores", 0.5)
    assert outcomes.scores is not None


def test_a_regression_target_of_text_is_refused() -> None:
    with pytest.raises(EvidenceError, match="must hold numbers"):
        numeric_target(pa.table({"y": ["1", "high"]}), "y")


def test_it_reads_decimal_commas_where_semicolons_part_the_columns(tmp_path: Path) -> None:
    path = tmp_path / "comma.csv"
    path.write_text("income;size;note\n168,4;3;a,b\n-12,05;4;c\n;5;\n", encoding="utf-8")
    table = read_table(path)
    assert table.column("income").to_pylist() == [168.4, -12.05, None]
    assert table.column("size").to_pylist() == [3, 4, 5]
    assert table.column("note").to_pylist()[:2] == ["a,b", "c"]
