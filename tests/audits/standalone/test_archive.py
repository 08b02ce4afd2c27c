"""verify.pyz as a stranger runs it: one file, its own process, and nothing of this project on the path."""

import hashlib
import io
import subprocess
import sys
import zipfile
from pathlib import Path

from audits.standalone import archive_bytes, page_bytes, write_verifiers

CONFORMANCE = Path(__file__).resolve().parents[3] / "fixtures" / "conformance"
# Neither this project nor rfc8785 is there for a stranger; the standard library and cryptography are.
STRANGER = """
import runpy, sys
class Refuse:
    def find_spec(self, name, path=None, target=None):
        allowed = {"cryptography", "cffi", "_cffi_backend", "audits", "__main__"}
        first = name.partition(".")[0]
        if first not in sys.stdlib_module_names and first not in allowed and not first.startswith("_"):
            raise ImportError("a stranger does not have " + name, name=name)
sys.meta_path.insert(0, Refuse())
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def test_the_same_source_gives_the_same_bytes() -> None:
    once, again = archive_bytes(), archive_bytes.__wrapped__()
    assert hashlib.sha256(once).digest() == hashlib.sha256(again).digest()
    with zipfile.ZipFile(io.BytesIO(once)) as archive:
        names = archive.namelist()
        assert names == sorted(names)
        assert {name for name in names if not name.startswith("audits/merkle/")} == {
            "__main__.py",
            "audits/__init__.py",
        }
        assert {entry.date_time for entry in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}


def test_both_files_are_written_where_one_says(tmp_path: Path) -> None:
    written = write_verifiers(tmp_path / "new" / "folder")
    assert written == {"verify.pyz": archive_bytes(), "verify.html": page_bytes()}
    assert (tmp_path / "new" / "folder" / "verify.html").read_bytes() == page_bytes()


def test_it_needs_the_standard_library_and_cryptography_only(tmp_path: Path) -> None:
    program = tmp_path / "verify.pyz"
    program.write_bytes(archive_bytes())
    bundle, key = CONFORMANCE / "good" / "bundle.json", CONFORMANCE / "log.vkey"
    command = [sys.executable, "-c", STRANGER, str(program), str(bundle), "--key-file", str(key)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    assert "PROVED: " in done.stdout
