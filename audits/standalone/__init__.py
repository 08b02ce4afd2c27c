"""The two verifiers that need nothing from us: verify.pyz and verify.html, each built as one file.

Nothing here may read a clock or the network: the same source gives the same bytes, so that their digests can be
published.
"""

from pathlib import Path

from audits.standalone.archive import archive_bytes
from audits.standalone.page import page_bytes, page_policy

__all__ = ["archive_bytes", "page_bytes", "page_policy", "write_verifiers"]


def write_verifiers(folder: Path) -> dict[str, bytes]:
    """Write both files into a folder, which is made where it is missing; returns what was written, by name."""
    folder.mkdir(parents=True, exist_ok=True)
    files = {"verify.pyz": archive_bytes(), "verify.html": page_bytes()}
    for name, data in files.items():
        (folder / name).write_bytes(data)
    return files
