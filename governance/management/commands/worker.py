"""Runs jobs and sequences the trail. Any number of workers may run; one of them sequences at a time."""

import threading
from argparse import ArgumentParser

from django.core.management.base import BaseCommand
from procrastinate.contrib.django import app

from audits.trail.loop import run_forever


class Command(BaseCommand):
    help = "Run jobs (measuring, printing, verifying) and sequence the trail."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--concurrency", type=int, default=2, help="jobs at a time (default 2)")

    def handle(self, *args: object, **options: object) -> None:
        self.check(databases=["default"])
        stop = threading.Event()
        sequencer = threading.Thread(target=run_forever, args=(stop,), name="sequencer")
        sequencer.start()
        try:
            with app.replace_connector(app.connector.get_worker_connector()) as working:  # type: ignore[attr-defined]
                working.run_worker(
                    concurrency=int(str(options["concurrency"])), listen_notify=True, delete_jobs="never"
                )
        finally:
            stop.set()
            sequencer.join(timeout=10)
