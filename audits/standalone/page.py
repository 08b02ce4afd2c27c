"""verify.html: templates/verify as one page whose only script and style are its own, named by their hashes.

It must never load, send or say anything that is not in the file: its content security policy allows no address.

Content Security Policy Level 3, section 6.7 (hash sources).
"""

import base64
import hashlib
from functools import cache
from pathlib import Path

_SOURCE = Path(__file__).resolve().parent.parent.parent / "templates" / "verify"
# In the order in which they may use each other.
_SCRIPTS = ("encoding", "json", "tree", "notes", "policy", "shape", "steps", "entries", "page")


@cache
def page_bytes() -> bytes:
    """The file, the same for the same source."""
    page = (_SOURCE / "page.html").read_text(encoding="utf-8")
    for name, text in (
        ("script_hash", _hash(_script())),
        ("style_hash", _hash(_style())),
        ("script", _script()),
        ("style", _style()),
    ):
        page = page.replace(f"%({name})s", text)
    return page.encode()


def page_policy() -> str:
    """The page's policy as a header: the same as in the file, and nobody may frame it."""
    return (
        f"default-src 'none'; script-src '{_hash(_script())}'; style-src '{_hash(_style())}';"
        " base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )


@cache
def _script() -> str:
    parts = [(_SOURCE / f"{name}.js").read_text(encoding="utf-8") for name in _SCRIPTS]
    script = '\n"use strict";\n(() => {\n' + "\n".join(parts) + "})();\n"
    if "</script" in script.lower() or "<!--" in script:
        raise ValueError("the script would end before its end: write that text in two parts")
    return script


@cache
def _style() -> str:
    return "\n" + (_SOURCE / "page.css").read_text(encoding="utf-8")


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
