"""Fuzzes one reader with atheris: ``python tests/fuzzing/coverage_guided.py NAME [libFuzzer options] CORPUS``.

See docs/fuzzing.md. Needs atheris, which nothing else here needs.
"""

import sys
from pathlib import Path

import atheris

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
with atheris.instrument_imports(include=["audits"]):
    from audits.merkle.errors import VerificationError
    from tests.fuzzing.targets import TARGETS, variants


def main() -> None:
    name = sys.argv.pop(1)
    target = TARGETS[name]
    corpus = Path(sys.argv[-1])
    corpus.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(variant for honest in target.honest for variant in variants(honest)):
        (corpus / f"seed-{number}").write_bytes(seed)

    def one(data: bytes) -> None:
        try:
            target.read(data)
        except VerificationError:
            return

    atheris.Setup(sys.argv, one)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
