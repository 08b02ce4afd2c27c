"""What the server does while this process hashes: on connections of their own, in the same view.

Where no other connection is to be had all is asked on the first one, when the answers are wanted.
"""

import contextlib
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from queue import Full, Queue
from threading import Event, Thread

from django.db import connections
from django.db.utils import Error as DatabaseError

from audits.trail.verification.reading import Params, Reader, Row, frozen_view

Answer = Callable[[], list[Row]]
"""Waits for the rows; raises what the query raised."""


class Beside:
    """Takes queries in turn. Each answer is a list: ask for differences, not for tables."""

    def __init__(self, using: str, reader: Reader) -> None:
        self._using = using
        self._reader = reader
        self._snapshot = reader.snapshot()
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="verification")
        self._closing = Event()
        self._at_work: Reader | None = None

    def ask(self, query: str, params: Params = None) -> Answer:
        asked = self._pool.submit(self._ask, query, params)
        return lambda: self._answer(asked, query, params)

    def _ask(self, query: str, params: Params) -> list[Row] | None:
        """None where the view could not be opened a second time."""
        opened = False
        try:
            with frozen_view(self._using, snapshot=self._snapshot) as reader:
                opened = True
                self._at_work = reader
                return [] if self._closing.is_set() else reader.rows(query, params)
        except DatabaseError:
            if opened:
                raise
            return None
        finally:
            self._at_work = None
            connections[self._using].close()

    def _answer(self, asked: "Future[list[Row] | None]", query: str, params: Params) -> list[Row]:
        rows = asked.result()
        return self._reader.rows(query, params) if rows is None else rows

    def pages(self, query: str) -> Generator[list[Row], None, None]:
        """As ``Reader.pages``, each page fetched while the one before is at work here."""
        ready: Queue[list[Row] | BaseException | None] = Queue(2)
        opened, left = Event(), Event()
        thread = Thread(target=self._fetch, args=(query, ready, opened, left), name="verification-pages", daemon=True)
        thread.start()
        try:
            while (page := ready.get()) is not None:
                if not isinstance(page, BaseException):
                    yield page
                elif opened.is_set() or not isinstance(page, DatabaseError):
                    raise page
                else:
                    yield from self._reader.pages(query)
                    return
        finally:
            left.set()
            thread.join()

    def _fetch(self, query: str, ready: "Queue[list[Row] | BaseException | None]", opened: Event, left: Event) -> None:
        def give(item: list[Row] | BaseException | None) -> bool:
            while not left.is_set():
                with contextlib.suppress(Full):
                    ready.put(item, timeout=0.1)
                    return True
            return False

        try:
            with frozen_view(self._using, snapshot=self._snapshot) as reader:
                opened.set()
                if all(map(give, reader.pages(query))):
                    give(None)
        except BaseException as error:  # noqa: BLE001 - raised where the pages are wanted
            give(error)
        finally:
            connections[self._using].close()

    def close(self) -> None:
        """Whatever is still being asked is given up."""
        self._closing.set()
        self._pool.shutdown(wait=False, cancel_futures=True)
        at_work = self._at_work
        if at_work is not None:
            with contextlib.suppress(Exception):
                at_work.cancel()
        self._pool.shutdown(wait=True)


@contextmanager
def beside(using: str, reader: Reader) -> Iterator[Beside]:
    asking = Beside(using, reader)
    try:
        yield asking
    finally:
        asking.close()
