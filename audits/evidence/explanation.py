"""Why a model answers as it does: SHAP values over the model's own predict function, for a seeded sample of
rows.

Never claims more than was explained: sample sizes and the gap in additivity stand in the results. Method:
permutation SHAP (shap.PermutationExplainer), the background standing in for features that are left out.
"""

import contextlib
import dataclasses
import warnings
from collections.abc import Callable, Iterator

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from audits.evidence.encoding import Encoder, encode, settled_order
from audits.evidence.intervals import percentiles, resampled_counts
from audits.evidence.values import JsonObject, JsonValue, measured, rounded

with warnings.catch_warnings():
    # shap's plots, which it imports and we don't use, call what matplotlib is about to deprecate.
    warnings.simplefilter("ignore")
    import shap

Matrix = npt.NDArray[np.float64]

_DIGITS = 10
_TOLERANCE = 1e-6
_BOOTSTRAP = "bootstrap percentile over explained rows, 95 %"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Explanation:
    """Results, flags, and what the figures are drawn from: SHAP values and encoded rows, both (explained,
    features), and which of the features are categories."""

    results: JsonObject
    flags: list[JsonValue]
    features: tuple[str, ...]
    values: Matrix
    rows: Matrix
    categorical: tuple[bool, ...]


def explain(
    table: pa.Table,
    features: tuple[str, ...],
    predict: Callable[[pa.Table], Matrix],
    answers: Matrix,
    *,
    row_numbers: npt.NDArray[np.int64],
    explains: str,
    threshold: float | None,
    explained_rows: int,
    background_rows: int,
    resamples: int,
    seed: int,
    permutations: int,
) -> Explanation:
    """Explain a sample and three single cases: the highest answer, the lowest, and that nearest the threshold
    (for regression: nearest the median). ``answers`` are the model's for all rows of the table,
    ``row_numbers`` what to call the rows (1 is the first of the file)."""
    encoder, matrix = encode(table, features)
    order = settled_order(matrix)
    generator = np.random.Generator(np.random.PCG64(seed))
    background = matrix[order[_sample(generator, len(order), background_rows)]]
    sample = order[_sample(generator, len(order), explained_rows)]
    middle = threshold if threshold is not None else float(np.median(answers))
    cases = _cases(answers, order, middle, "nearest the threshold" if threshold is not None else "nearest the median")
    chosen = np.concatenate([sample, [at for _, at in cases]])
    values, base = _shap_values(
        lambda codes: predict(encoder.decode(codes)), background, matrix[chosen], features, seed, permutations
    )
    gap = float(np.abs(base + values.sum(axis=1) - answers[chosen]).max())
    importance = values[: len(sample)]
    results: JsonObject = {
        "explained": explains,
        "n": len(matrix),
        "explained_rows": len(sample),
        "background_rows": len(background),
        "base_value": measured(rounded(float(base[0]), _DIGITS), n=len(background)),
        "importance": _importance(importance, features, resamples, seed),
        "additivity": {
            "maximal_gap": _gap_shown(gap),
            "tolerance": _TOLERANCE,
            "holds": gap <= _TOLERANCE,
        },
        "cases": [
            _case(
                name,
                int(row_numbers[row]),
                encoder,
                matrix[row],
                values[len(sample) + at],
                float(base[0]),
                float(answers[row]),
            )
            for at, (name, row) in enumerate(cases)
        ],
    }
    flags: list[JsonValue] = []
    if gap > _TOLERANCE:
        told = f"Contributions miss the model's answer by up to {gap:.2g}; the model is not deterministic."
        flags.append({"code": "not_additive", "message": told})
    return Explanation(
        results=results,
        flags=flags,
        features=features,
        values=importance,
        rows=matrix[sample],
        categorical=tuple(values is not None for values in encoder.categories),
    )


def _sample(generator: np.random.Generator, n: int, size: int) -> npt.NDArray[np.int64]:
    return generator.permutation(n)[:size]


def _cases(answers: Matrix, order: npt.NDArray[np.int64], middle: float, near: str) -> list[tuple[str, np.int64]]:
    ordered = answers[order]
    return [
        ("highest", order[int(np.argmax(ordered))]),
        ("lowest", order[int(np.argmin(ordered))]),
        (near, order[int(np.argmin(np.abs(ordered - middle)))]),
    ]


def _shap_values(
    predict: Callable[[Matrix], Matrix],
    background: Matrix,
    rows: Matrix,
    features: tuple[str, ...],
    seed: int,
    permutations: int,
) -> tuple[Matrix, Matrix]:
    with _global_seed_kept():
        masker = shap.maskers.Independent(background, max_samples=len(background))
        explainer = shap.PermutationExplainer(predict, masker, feature_names=list(features), seed=seed)
        evaluations = 2 * len(features) + 1
        # A whole permutation in one call: each call has a fixed cost in the model's process.
        made = explainer(rows, max_evals=permutations * evaluations, batch_size=evaluations, silent=True)
    return np.asarray(made.values, dtype=np.float64), np.asarray(made.base_values, dtype=np.float64)


@contextlib.contextmanager
def _global_seed_kept() -> Iterator[None]:
    # shap seeds NumPy's global generator; the caller's must not notice.
    state = np.random.get_state()
    try:
        yield
    finally:
        np.random.set_state(state)


def _importance(values: Matrix, features: tuple[str, ...], resamples: int, seed: int) -> list[JsonValue]:
    sizes = np.abs(values)
    n = len(values)
    weights = resampled_counts(np.ones(n, dtype=np.int64), resamples, seed) / n
    draws = weights @ sizes
    means = sizes.mean(axis=0)
    order = sorted(range(len(features)), key=lambda at: (-rounded(float(means[at]), _DIGITS), features[at]))
    made: list[JsonValue] = []
    for at in order:
        interval = percentiles(draws[:, at])
        made.append(
            {
                "feature": features[at],
                "mean_absolute": measured(
                    rounded(float(means[at]), _DIGITS),
                    n=n,
                    interval=interval and (rounded(interval[0], _DIGITS), rounded(interval[1], _DIGITS)),
                    method=_BOOTSTRAP,
                ),
            }
        )
    return made


def _case(
    name: str, row: int, encoder: Encoder, codes: Matrix, values: Matrix, base: float, answer: float
) -> JsonObject:
    order = sorted(range(len(values)), key=lambda at: (-abs(rounded(float(values[at]), _DIGITS)), at))
    return {
        "case": name,
        "row": row,
        "answer": rounded(answer, _DIGITS),
        "base_value": rounded(base, _DIGITS),
        "contributions": [
            {
                "feature": encoder.names[at],
                "value": encoder.shown(at, float(codes[at])),
                "contribution": rounded(float(values[at]), _DIGITS),
            }
            for at in order
        ],
    }


def _gap_shown(gap: float) -> float:
    # Below a millionth of the tolerance the gap is noise of the summation, and would differ between machines.
    return rounded(gap, 2) if gap > _TOLERANCE * 1e-6 else 0.0
