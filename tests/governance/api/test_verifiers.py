"""The verifiers are given to whoever asks, with the page's own policy and no other."""

from audits.standalone import archive_bytes, page_bytes
from tests.clients import nobody
from tests.database import Database


def test_the_page_comes_with_its_own_policy(database: Database) -> None:
    response = nobody().get("/verify.html")
    assert response.content == page_bytes()
    policy = response.headers["Content-Security-Policy"]
    in_the_page = page_bytes().decode().split('http-equiv="Content-Security-Policy" content="')[1].split('"')[0]
    assert policy == f"{in_the_page}; frame-ancestors 'none'"
    assert "'self'" not in policy
    assert "unsafe" not in policy


def test_the_archive_is_the_one_that_the_command_writes(database: Database) -> None:
    response = nobody().get("/verify.pyz")
    assert response.content == archive_bytes()
    assert "verify.pyz" in response.headers["Content-Disposition"]
    assert nobody().post("/verify.pyz", {}).status_code == 405
