"""Records of evidence, measured here and now from a small table, as sections of a dossier."""

import copy
import csv

import pytest

from audits.documents import DocumentError
from audits.documents.formatting import format_number, format_percent
from audits.evidence import EvidenceRecord, MeasureRequest, Subject, measure
from audits.evidence.values import JsonObject
from governance.dossiers.blocks import Table
from governance.dossiers.content import EvidenceSection
from governance.dossiers.evidence import evidence_section

pytestmark = pytest.mark.slow

DIGEST = "ab" * 32


@pytest.fixture(scope="module")
def records(tmp_path_factory: pytest.TempPathFactory) -> dict[str, EvidenceRecord]:
    """Performance and fairness of a column of scores: 90 rows, a group of five, one that has no positives."""
    folder = tmp_path_factory.mktemp("records")
    with (folder / "data.csv").open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["outcome", "score", "region"])
        for row in range(90):
            region = "island" if row < 5 else ["north", "south"][row % 2]
            outcome = "no" if region == "island" else ["yes", "no"][row // 3 % 2]
            rows.writerow([outcome, round((row * 37 % 100) / 100, 2), region])
    request = MeasureRequest(
        measurements=("performance", "fairness"),
        subject=Subject(kind="model_version", id="arrears@7", digest=DIGEST),
        task="classification",
        target="outcome",
        positive="yes",
        sensitive=("region",),
        predictions="score",
        bootstrap_resamples=50,
    )
    made = measure(
        request,
        model_path=None,
        data_path=folder / "data.csv",
        out_dir=folder / "out",
        progress=lambda line: None,
    )
    return {record.measurement: record for record in made}


def section_of(record: EvidenceRecord) -> EvidenceSection:
    return evidence_section(record.as_json(), {figure.name: figure.svg for figure in record.figures}, entry=17)


def written(table: Table) -> list[list[str]]:
    return [[text for _, text in cells] for _, cells in table.lines]


def test_a_section_carries_the_records_title_finding_digest_and_flags(
    records: dict[str, EvidenceRecord],
) -> None:
    for record in records.values():
        section = section_of(record)
        assert section.title == record.title
        assert section.summary == record.finding
        assert section.digest == record.digest
        assert section.entry == 17
        assert list(section.flags) == [flag["message"] for flag in record.flags if isinstance(flag, dict)]


def test_facts_name_inputs_seed_parameters_and_versions(records: dict[str, EvidenceRecord]) -> None:
    facts = {fact.label: fact for fact in section_of(records["fairness"]).facts}
    dataset = records["fairness"].inputs["dataset"]
    assert isinstance(dataset, dict)
    assert facts["About"].value == "model version arrears@7"
    assert facts["Subject, SHA-256"].value == DIGEST
    assert facts["Data, SHA-256"].value == dataset["digest"]
    assert facts["Data, SHA-256"].digest
    assert facts["Rows"].value == 90
    assert facts["Model file"].value == "None: measured from a column of predictions"
    assert facts["Seed"].value == "20240229"
    assert "min group size 30" in str(facts["Parameters"].value)
    assert "predictions score" in str(facts["Parameters"].value)
    assert facts["Sensitive"].value == "column region, groups 3"
    assert "fairlearn 0." in str(facts["Made with"].value)


def test_every_number_of_the_metrics_is_printed_with_its_interval_and_n(
    records: dict[str, EvidenceRecord],
) -> None:
    table = section_of(records["performance"]).tables[0]
    accuracy = records["performance"].results["accuracy"]
    assert isinstance(accuracy, dict)
    low, value, high = accuracy["low"], accuracy["value"], accuracy["high"]
    assert isinstance(low, float)
    assert isinstance(value, float)
    assert isinstance(high, float)
    assert ["Accuracy", *(format_number(number, 4) for number in (value, low, high)), "90"] in written(table)
    assert [column.label for column in table.columns] == ["Metric", "Value", "95 % from", "95 % to", "n"]


def test_small_groups_are_marked_in_words_and_undefined_rates_say_why(
    records: dict[str, EvidenceRecord],
) -> None:
    section = section_of(records["fairness"])
    table = next(table for table in section.tables if table.title == "Groups by region")
    rows = {row[0]: row for row in written(table)}
    assert rows["island"][1] == "5"
    assert rows["island"][-1] == "⚠ Small"
    assert "undefined: no positives in group" in rows["island"]
    assert rows["north"][-1] == "—"
    assert [bool(flagged) for flagged, cells in table.lines if cells[0][1] == "island"] == [True]
    assert "small groups" in table.note
    assert any("island" in flag for flag in section.flags)


def test_rates_are_percentages_and_differences_are_not(records: dict[str, EvidenceRecord]) -> None:
    differences, groups = section_of(records["fairness"]).tables
    results = records["fairness"].tables[1]
    assert isinstance(results, dict)
    assert isinstance(results["rows"], list)
    first = results["rows"][0]
    assert isinstance(first, dict)
    assert isinstance(first["selection_rate"], float)
    assert format_percent(first["selection_rate"]) in written(groups)[0]
    assert not any("%" in text for row in written(differences) for text in row)


def test_figures_keep_their_bytes_and_their_words(records: dict[str, EvidenceRecord]) -> None:
    for record in records.values():
        for printed, measured in zip(section_of(record).figures, record.figures, strict=True):
            assert printed.content == measured.svg
            assert printed.alt == measured.alt
            assert printed.title == f"{measured.title}."


def test_a_figure_that_is_not_the_one_measured_is_refused(records: dict[str, EvidenceRecord]) -> None:
    record = records["performance"]
    given = {figure.name: figure.svg for figure in record.figures}
    for wrong in ({}, {**given, record.figures[0].name: b"<svg/>"}):
        with pytest.raises(DocumentError, match=record.figures[0].name):
            evidence_section(record.as_json(), wrong)


@pytest.mark.parametrize(
    ("name", "value"),
    [("title", 7), ("finding", None), ("tables", {}), ("flags", ["words"]), ("inputs", []), ("versions", 1)],
)
def test_a_record_of_another_shape_is_refused_by_the_part_that_is_wrong(
    records: dict[str, EvidenceRecord], name: str, value: JsonObject
) -> None:
    record = copy.deepcopy(records["performance"].as_json())
    record[name] = value
    with pytest.raises(DocumentError, match=name) as refused:
        evidence_section(record, {figure.name: figure.svg for figure in records["performance"].figures})
    assert refused.value.code == "document_value"
