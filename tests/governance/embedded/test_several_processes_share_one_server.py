"""Several processes share one server, and the last one stops it, however the others ended."""

import pytest

from governance.embedded import release, status

FORK = """
server = ensure_running(data_dir)
child = os.fork()
if child == 0:
    sys.exit(0)
os.waitpid(child, 0)
print(status(data_dir).pid == server.pid, flush=True)
"""

FORKED_USER = """
server = ensure_running(data_dir)
child = os.fork()
if child == 0:
    print(ensure_running(data_dir) == server, flush=True)
    sys.exit(0)
os.waitpid(child, 0)
print(status(data_dir).pid == server.pid, flush=True)
"""


@pytest.mark.slow
def test_two_processes_that_start_at_the_same_moment_get_one_postmaster(fresh, start):
    data_dir = fresh("both at once")
    one, two = start(data_dir), start(data_dir)
    first, second = one.line(), two.line()
    assert first == second != ""
    assert one.end() == 0
    assert status(data_dir).pid == int(first)
    assert two.end() == 0
    assert not status(data_dir).running


def test_a_user_killed_with_kill_9_does_not_keep_the_server_up(shared, start):
    release(shared)
    killed, last = start(shared), start(shared)
    pid = killed.line()
    assert last.line() == pid
    killed.kill()
    assert status(shared).pid == int(pid)
    assert last.end() == 0
    assert not status(shared).running


def test_the_next_user_finds_the_server_that_a_killed_one_left_and_stops_it(shared, start):
    release(shared)
    alone = start(shared)
    pid = alone.line()
    alone.kill()
    assert status(shared).pid == int(pid)
    following = start(shared)
    assert following.line() == pid
    assert following.end() == 0
    assert not status(shared).running


def test_a_forked_child_that_ends_leaves_the_server_to_its_parent(shared, start):
    release(shared)
    parent = start(shared, FORK)
    assert parent.line() == "True"
    assert parent.end() == 0
    assert not status(shared).running


def test_a_forked_child_that_uses_the_server_leaves_it_to_its_parent(shared, start):
    release(shared)
    parent = start(shared, FORKED_USER)
    assert parent.line() == "True"
    assert parent.line() == "True"
    assert parent.end() == 0
    assert not status(shared).running


def test_keep_running_leaves_it_up_until_it_is_stopped(shared, start):
    release(shared)
    keeper = start(shared, "print(ensure_running(data_dir, keep_running=True).pid, flush=True); input()")
    pid = keeper.line()
    assert keeper.end() == 0
    other = start(shared)
    assert other.line() == pid
    assert other.end() == 0
    assert status(shared).pid == int(pid)
    stopper = start(shared, "print(stop(data_dir), stop(data_dir), flush=True)")
    assert stopper.line() == "True False"
    assert not status(shared).running


def test_it_needs_no_django(shared, start):
    assert start(shared, "print('django' in sys.modules, flush=True)").line() == "False"
