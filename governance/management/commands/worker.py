"""Runs jobs, sequences the trail and publishes it. Any number of workers may run; one of them sequences at a time."""

import threading
from argparse import ArgumentParser

from django.core.management.base import BaseCommand
from procrastinate.contrib.django import app

from audits.errors import DomainError
from audits.trail import Actor
from audits.trail.loop import run_forever
from audits.trail.publishing.loop import publish_forever, stamp_forever
from audits.trail.rotation import finish_rotation
from audits.trail.search import index_forever


class Command(BaseCommand):
    help = "Run jobs (measuring, printing, verifying) sequence the trail and publish it."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--concurrency", type=int, default=2, help="jobs at a time (default 2)")

    def handle(self, *args: object, **options: object) -> None:
        self.check(databases=["default"])
        self._finish_rotation()
        stop = threading.Event()
        beside = [
            threading.Thread(target=run_forever, args=(stop,), name="sequencer"),
            threading.Thread(target=index_forever, args=(stop,), name="words"),
            threading.Thread(target=publish_forever, args=(stop,), name="publisher"),
            threading.Thread(target=stamp_forever, args=(stop,), name="timestamps"),
        ]
        for thread in beside:
            thread.start()
        try:
            with app.replace_connector(app.connector.get_worker_connector()) as working:  # type: ignore[attr-defined]
                working.run_worker(
                    concurrency=int(str(options["concurrency"])), listen_notify=True, delete_jobs="never"
                )
        finally:
            stop.set()
            for thread in beside:
                thread.join(timeout=10)

    def _finish_rotation(self) -> None:
        """An announced key that signs now is recorded. What keeps it from that, the sequencer says in its loop."""
        try:
            finish_rotation(actor=Actor.system("trailkey", via="command"))
        except DomainError as error:
            self.stderr.write(f"The rotation of the trail's key is not recorded yet: {error.message}")
