"""verify.pyz: the package ``audits.merkle`` as one file that Python runs.

It must never hold anything but that package, nor a byte that depends on the machine it was built on: entries are
stored, in order, with one date.

PEP 441.
"""

import io
import zipfile
from functools import cache
from pathlib import Path

_AUDITS = Path(__file__).resolve().parent.parent
_DATE = (1980, 1, 1, 0, 0, 0)
_SHEBANG = b"#!/usr/bin/env python3\n"

_MAIN = '''"""Checks a proof bundle or a receipt of Countersign's trail. It needs Python 3.11 and `cryptography`."""

import sys

if sys.version_info < (3, 11):
    sys.exit("This verifier needs Python 3.11 or later.")
try:
    import cryptography  # noqa: F401
except ImportError:
    sys.exit("This verifier needs the package cryptography: python3 -m pip install cryptography")

from audits.merkle.__main__ import run

run("verify.pyz")
'''
_PACKAGE = '"""The part of Countersign that verifies."""\n'


@cache
def archive_bytes() -> bytes:
    """The file, the same for the same source."""
    files = {
        "__main__.py": _MAIN.encode(),
        "audits/__init__.py": _PACKAGE.encode(),
        **{f"audits/merkle/{path.name}": path.read_bytes() for path in (_AUDITS / "merkle").glob("*.py")},
    }
    buffer = io.BytesIO()
    buffer.write(_SHEBANG)
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(files):
            entry = zipfile.ZipInfo(name, date_time=_DATE)
            entry.create_system = 3
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, files[name])
    return buffer.getvalue()
