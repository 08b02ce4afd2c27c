"""The evidence engine on the command line: ``python -m audits.evidence measure REQUEST.json --data FILE --out
DIR``.

Never needs Django or a database. Progress goes to standard output, an error to standard error and
``error.json``.
"""

import argparse
import json
import os
import sys
from pathlib import Path

from audits.evidence.errors import EvidenceError
from audits.evidence.isolated import DESCRIPTION
from audits.evidence.request import MeasureRequest


def main(words: list[str] | None = None) -> int:
    """Run one command; the answer is the exit status: 0 done, 1 impossible."""
    parser = argparse.ArgumentParser(
        prog="python -m audits.evidence", description="Measure a model or its predictions."
    )
    commands = parser.add_subparsers(dest="command", required=True)
    measuring = commands.add_parser("measure", help="make the measurements of a request")
    measuring.add_argument("request", type=Path, help="JSON file with the request (see MeasureRequest)")
    measuring.add_argument("--data", type=Path, required=True, help="CSV or Parquet file")
    measuring.add_argument("--model", type=Path, help="skops file of a scikit-learn model")
    measuring.add_argument("--out", type=Path, required=True, help="folder for records and figures")
    describing = commands.add_parser("describe", help="describe the columns of a table")
    describing.add_argument("data", type=Path, help="CSV or Parquet file")
    describing.add_argument("--out", type=Path, help="folder for description.json, instead of standard output")
    given = parser.parse_args(words)
    # Before NumPy is loaded: sums in one order give one digest, whatever the number of processors.
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(name, "1")
    # SHAP would compile for some ten seconds what it then runs for one.
    os.environ.setdefault("NUMBA_DISABLE_JIT", "1")
    try:
        if given.command == "describe":
            _describe(given.data, given.out)
        else:
            _measure(given)
    except EvidenceError as error:
        _tell(error.code, error.message, getattr(given, "out", None))
        return 1
    except (MemoryError, ImportError) as error:
        # A library that finds no memory to be loaded into says so in an ImportError.
        if isinstance(error, ImportError) and "failed to map" not in str(error):
            raise
        message = "The table needs more memory than is allowed; send fewer rows or columns, or allow it more."
        _tell("out_of_memory", message, getattr(given, "out", None))
        return 1
    except Exception as error:  # noqa: BLE001 - the caller gets one clear message, whatever went wrong here.
        told = (str(error).strip().splitlines() or [""])[0][:300]
        message = f"It failed for a reason nobody foresaw: {type(error).__name__}: {told}"
        _tell("evidence_failed", message, getattr(given, "out", None))
        return 1
    return 0


def _measure(given: argparse.Namespace) -> None:
    from audits.evidence.measuring import measure

    try:
        asked = json.loads(given.request.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise EvidenceError(f"The request cannot be read ({error}).", code="bad_request") from error
    records = measure(
        MeasureRequest.from_json(asked),
        model_path=given.model,
        data_path=given.data,
        out_dir=given.out,
        progress=lambda line: print(line, flush=True),
    )
    for record in records:
        print(f"{record.measurement}: {record.finding} sha256:{record.digest}", flush=True)


def _describe(path: Path, out: Path | None) -> None:
    import dataclasses

    from audits.evidence.tables import describe_table

    made = json.dumps(dataclasses.asdict(describe_table(path)), ensure_ascii=False, indent=1)
    if out is None:
        print(made)
    else:
        out.mkdir(parents=True, exist_ok=True)
        (out / DESCRIPTION).write_text(made, encoding="utf-8")


def _tell(code: str, message: str, out: Path | None) -> None:
    print(message, file=sys.stderr)
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        (out / "error.json").write_text(json.dumps({"code": code, "message": message}), encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
