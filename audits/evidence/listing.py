"""The results as flat tables for pages and print: columns with label and unit, rows of values, n in every
row.

Never a number that is not in the results; values stay numbers, and formatting is the reader's.
"""

from audits.evidence.values import JsonObject, JsonValue, joined

_RATES = {
    "selection_rate": "Selection rate",
    "true_positive_rate": "True positive rate",
    "false_positive_rate": "False positive rate",
    "precision": "Precision",
    "accuracy": "Accuracy",
    "impact_ratio": "Impact ratio",
}
_CLASSIFICATION = {
    "accuracy": "Accuracy",
    "balanced_accuracy": "Balanced accuracy",
    "precision": "Precision",
    "recall": "Recall (true positive rate)",
    "f1": "F1",
    "roc_auc": "ROC AUC",
    "log_loss": "Log loss",
    "brier_score": "Brier score",
    "expected_calibration_error": "Expected calibration error",
    "base_rate": "Base rate (share of positives)",
}
_REGRESSION = {
    "mae": "Mean absolute error",
    "rmse": "Root mean squared error",
    "r2": "R²",
    "bias": "Mean residual (true - predicted)",
}


def performance_tables(results: JsonObject, task: str, target: str) -> list[JsonValue]:
    """One table of metrics with value, interval, n and, where there is none, the reason."""
    named = _CLASSIFICATION if task == "classification" else _REGRESSION
    rows: list[JsonValue] = []
    for name, label in named.items():
        value = results[name]
        if isinstance(value, dict):
            unit = f"unit of {target}" if name in {"mae", "rmse", "bias"} else ""
            rows.append({"metric": label, "unit": unit, **_flat(value)})
    return [_table("metrics", "Performance", {"metric": "Metric", "unit": "Unit", **_FLAT}, rows)]


def fairness_tables(results: JsonObject) -> list[JsonValue]:
    """A table of groups per comparison, then one of the differences and ratios of all comparisons."""
    tables: list[JsonValue] = []
    summary: list[JsonValue] = []
    comparisons = results["comparisons"]
    for number, comparison in enumerate(comparisons if isinstance(comparisons, list) else [], start=1):
        if not isinstance(comparison, dict):
            continue
        named = joined(_texts(comparison["columns"]))
        groups = comparison["groups"]
        rows: list[JsonValue] = []
        for group in groups if isinstance(groups, list) else []:
            if isinstance(group, dict):
                row: JsonObject = {key: group[key] for key in ("label", "n", "positives", "selected", "small")}
                row.update({name: _value(group[name]) for name in _RATES})
                rows.append(row)
        head = {"label": named, "n": "n", "positives": "Positives", "selected": "Selected", **_RATES}
        tables.append(_table(f"groups-{number}", f"Groups by {named}", {**head, "small": "Small group"}, rows))
        for name, label in (
            ("demographic_parity_difference", "Demographic parity difference"),
            ("demographic_parity_ratio", "Demographic parity ratio"),
            ("equalized_odds_difference", "Equalized odds difference"),
        ):
            value = comparison[name]
            if isinstance(value, dict):
                summary.append({"columns": named, "metric": label, **_flat(value)})
    head = {"columns": "Sensitive columns", "metric": "Metric", **_FLAT}
    return [_table("differences", "Differences between groups", head, summary), *tables]


def explanation_tables(results: JsonObject) -> list[JsonValue]:
    """Importance of all features, and the strongest contributions of each single case."""
    rows: list[JsonValue] = []
    importance = results["importance"]
    for entry in importance if isinstance(importance, list) else []:
        if isinstance(entry, dict) and isinstance(size := entry["mean_absolute"], dict):
            rows.append({"feature": entry["feature"], **_flat(size)})
    tables: list[JsonValue] = [
        _table("importance", "Importance: mean |SHAP value|", {"feature": "Feature", **_FLAT}, rows)
    ]
    cases = results["cases"]
    for number, case in enumerate(cases if isinstance(cases, list) else [], start=1):
        if isinstance(case, dict) and isinstance(contributions := case["contributions"], list):
            strongest: list[JsonValue] = [{**entry, "n": 1} for entry in contributions[:10] if isinstance(entry, dict)]
            head = {"feature": "Feature", "value": "Value", "contribution": "Contribution", "n": "n"}
            answer = case["answer"]
            told = f"{answer:.4g}" if isinstance(answer, float) else str(answer)
            tables.append(
                _table(f"case-{number}", f"Row {case['row']}: answer {told} ({case['case']})", head, strongest)
            )
    return tables


_FLAT = {"value": "Value", "low": "95 % from", "high": "95 % to", "n": "n", "reason": "Remark"}


def _flat(value: JsonObject) -> JsonObject:
    return {name: value.get(name) for name in _FLAT}


def _value(value: JsonValue) -> JsonValue:
    if not isinstance(value, dict):
        return None
    return value["value"] if value["value"] is not None else value.get("reason")


def _table(name: str, title: str, head: dict[str, str], rows: list[JsonValue]) -> JsonObject:
    columns: list[JsonValue] = [{"name": key, "label": label} for key, label in head.items()]
    return {"name": name, "title": title, "columns": columns, "rows": rows}


def _texts(value: JsonValue) -> list[str]:
    return [str(item) for item in value] if isinstance(value, list) else []
