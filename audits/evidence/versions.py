"""Versions of what a measurement was made with.

Never imports the package it names: the installed metadata says it.
"""

import platform
from importlib import metadata

from audits.evidence.values import JsonObject

_ALWAYS = ("numpy", "pandas", "pyarrow", "scikit-learn", "matplotlib")
_OWN = {
    "performance": (),
    "fairness": ("fairlearn", "duckdb", "ibis-framework"),
    "explainability": ("shap",),
}


def versions_for(measurement: str, *, with_model: bool) -> JsonObject:
    """Python and the packages that took part in this measurement."""
    names = (*_ALWAYS, *_OWN[measurement], *(("skops",) if with_model else ()))
    return {"python": platform.python_version(), **{name: metadata.version(name) for name in sorted(names)}}
