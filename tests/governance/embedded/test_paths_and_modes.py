"""Data directories with awkward paths work, and no folder is opened to others for it."""

import os
import shutil
import stat
import tempfile
from pathlib import Path

import psycopg
import pytest

from governance.embedded import EmbeddedError, ensure_running, layout, release, stop

LONG = "a-folder-with-quite-a-long-name/" * 5 + "var"
AWKWARD = 'it\'s "Müller & Söhne", $HOME `id` \\ 数据'

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root, whose server runs as another OS user")


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.slow
@pytest.mark.parametrize("name", [LONG, AWKWARD], ids=["long", "awkward"])
def test_it_works_in(fresh, name):
    data_dir = fresh(name)
    data_dir.mkdir(parents=True, mode=0o711)
    parents = {folder: mode(folder) for folder in data_dir.parents}
    server = ensure_running(data_dir)
    for role in ("superuser", "owner", "application"):
        with psycopg.connect(**server.params(role)) as by_params, psycopg.connect(server.url(role)) as by_url:
            assert (
                by_params.execute("SELECT current_user").fetchone() == by_url.execute("SELECT current_user").fetchone()
            )
    assert len(os.fsencode(server.socket_dir)) < 100
    assert mode(server.socket_dir) == 0o700
    assert mode(server.socket_dir / f".s.PGSQL.{server.port}") == 0o700
    assert {folder: mode(folder) for folder in data_dir.parents} == parents
    stop(data_dir)
    assert ensure_running(data_dir).pid != server.pid


def test_the_socket_of_a_short_path_lies_in_the_data_directory(shared):
    server = ensure_running(shared)
    assert server.socket_dir == shared / "postgresql" / "socket"
    assert mode(shared / "postgresql") == mode(server.socket_dir) == mode(server.pgdata) == 0o700


def test_the_environment_leads_no_connection_elsewhere(shared, monkeypatch):
    for name, value in {"PGHOSTADDR": "127.0.0.9", "PGPORT": "1", "PGUSER": "x", "PGPASSWORD": "y"}.items():
        monkeypatch.setenv(name, value)
    stop(shared)
    server = ensure_running(shared)
    with psycopg.connect(**server.params("owner")) as by_params, psycopg.connect(server.url("owner")) as by_url:
        assert by_params.info.user == by_url.info.user == "countersign_owner"


def test_a_socket_folder_that_belongs_to_somebody_else_or_is_a_link_is_refused(spot):
    account = layout.account_for(spot / "nothing")
    (spot / "link").symlink_to(spot)
    with pytest.raises(EmbeddedError, match="is a link"):
        layout.private_folder(spot / "link", account)
    if os.geteuid() == 0:
        (spot / "foreign").mkdir()
        os.chown(spot / "foreign", 65534, 65534)
        with pytest.raises(EmbeddedError, match="belongs to user id 65534"):
            layout.private_folder(spot / "foreign", account)


def test_passwords_lie_in_files_that_only_the_service_reads(shared):
    ensure_running(shared)
    assert mode(shared / "secrets") == 0o700
    files = sorted(path.name for path in (shared / "secrets").iterdir())
    assert files == ["postgres-application", "postgres-owner", "postgres-superuser"]
    assert {mode(shared / "secrets" / name) for name in files} == {0o600}
    assert len({(shared / "secrets" / name).read_text() for name in files}) == 3


def test_a_path_with_a_line_break_is_refused(spot):
    with pytest.raises(EmbeddedError, match="line break"):
        ensure_running(spot / "one\ntwo")


def test_a_file_in_the_place_of_the_data_directory_is_named(spot):
    (spot / "file").touch()
    with pytest.raises(EmbeddedError, match="Something else lies at that path"):
        ensure_running(spot / "file")


@needs_root
@pytest.mark.slow
def test_root_keeps_the_cluster_where_its_user_can_reach_it_and_a_copy_cannot_share_it():
    hidden = Path(tempfile.mkdtemp(prefix="countersign-test-"))  # Mode 0700: nobody but root passes.
    data_dir, copy = hidden / "var", hidden / "copy"
    try:
        server = ensure_running(data_dir)
        home = server.pgdata.parent
        assert home.parent == Path("/var/lib/countersign")
        assert (data_dir / "postgresql.location").read_text().startswith(f"{home}\n")
        assert mode(hidden) == 0o700
        with psycopg.connect(server.url("application")) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)
        shutil.copytree(data_dir, copy)
        with pytest.raises(EmbeddedError, match="is a copy of"):
            ensure_running(copy)
        release(data_dir)
        data_dir.rename(hidden / "moved")
        shutil.rmtree(copy)
        assert ensure_running(hidden / "moved").pgdata == server.pgdata
        release(hidden / "moved")
        (hidden / "moved").rename(data_dir)
        ensure_running(data_dir)
        shutil.rmtree(data_dir)  # With the server running: the next start makes a new cluster.
        release(data_dir)
        again = ensure_running(data_dir)
        assert again.pgdata == server.pgdata
        assert again.pid != server.pid
        assert len(list(home.parent.glob(f"{home.name}.abandoned-*"))) == 1
    finally:
        for folder in (data_dir, hidden / "moved"):
            release(folder)
        for left in home.parent.glob(f"{home.name}*"):
            if left.is_dir():
                shutil.rmtree(left)
            else:
                left.unlink()
        shutil.rmtree(hidden)
