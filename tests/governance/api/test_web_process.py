"""The web process stays light, and its schema is whole."""

import json
import re
import subprocess
import sys
from pathlib import Path
from uuid import uuid4

import pytest
from django.core.management import call_command
from django.urls import resolve

from audits.api.problems import no_such_address
from tests.clients import nobody
from tests.database import Database

ROOT = Path(__file__).resolve().parents[3]
HEAVY = {
    "numpy",
    "pandas",
    "sklearn",
    "shap",
    "fairlearn",
    "duckdb",
    "matplotlib",
    "weasyprint",
    "pyarrow",
    "scipy",
    "ibis",
}

_SCRIPT = """
import json, sys
import governance.wsgi
from django.urls import URLResolver, get_resolver

def walk(patterns):
    for pattern in patterns:
        if isinstance(pattern, URLResolver):
            walk(pattern.url_patterns)
        else:
            assert pattern.callback

walk(get_resolver().url_patterns)
print(json.dumps(sorted({name.split(".")[0] for name in sys.modules})))
"""


def test_the_web_process_imports_nothing_that_measures_or_prints() -> None:
    done = subprocess.run([sys.executable, "-c", _SCRIPT], cwd=ROOT, capture_output=True, text=True, check=True)
    assert HEAVY & set(json.loads(done.stdout.splitlines()[-1])) == set()


@pytest.fixture
def schema(office: Database) -> dict[str, dict[str, dict[str, dict[str, object]]]]:
    found: dict[str, dict[str, dict[str, dict[str, object]]]] = json.loads(nobody().get("/api/schema/").content)
    return found


def test_the_schema_is_openapi_3_1_and_sound(tmp_path: Path) -> None:
    file = tmp_path / "schema.json"
    call_command("spectacular", validate=True, fail_on_warn=True, format="openapi-json", file=str(file))
    assert json.loads(file.read_text())["openapi"] == "3.1.0"


def test_every_operation_says_what_it_does(schema: dict[str, dict[str, dict[str, dict[str, object]]]]) -> None:
    for path, methods in schema["paths"].items():
        for method, operation in methods.items():
            if path.startswith("/api/v1/"):
                assert operation.get("description"), (method, path)
                assert operation["operationId"], (method, path)


def test_the_session_in_the_documents_names_addresses_that_exist() -> None:
    text = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
    named = set(re.findall(r"\$api(/[^\s\"?]+)", text))
    assert len(named) > 10
    for path in named:
        path = path.replace("$DECISION", str(uuid4())).replace("$QUESTION", "q")
        assert resolve(f"/api/v1{path}").func is not no_such_address, path


# What is asked for in a body and answered with a file; the act of handing it out changes nothing.
BUNDLES = {"/api/v1/trail/bundle"}


def test_what_writes_answers_with_a_receipt(schema: dict[str, dict[str, dict[str, dict[str, object]]]]) -> None:
    for path, methods in schema["paths"].items():
        for method in {"post", "put"} & set(methods):
            if path in BUNDLES:
                continue
            answers = json.dumps(methods[method]["responses"])
            assert "schemas/Receipt" in answers or "schemas/DecisionAnswer" in answers, (method, path)


def test_the_gate_is_in_the_schema_though_it_is_no_view_of_drf(
    schema: dict[str, dict[str, dict[str, dict[str, object]]]],
) -> None:
    assert set(schema["paths"]["/api/v1/decisions"]) == {"get", "post"}
    assert schema["paths"]["/api/v1/decisions"]["post"]["security"] == [{"token": []}]
