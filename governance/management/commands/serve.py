"""Web and worker together on one machine: two processes, started and stopped as one."""

import signal
import socket
import subprocess
import sys
import time
from argparse import ArgumentParser

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError

from governance.services.first_sign_in import USERNAME, ensure_first_account, password_file


class Command(BaseCommand):
    _stopping = False
    help = "Set up, then run the web server and a worker until interrupted."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--host", default="127.0.0.1")
        parser.add_argument("--port", type=int, default=8000)

    def handle(self, *args: object, **options: object) -> None:
        host, port = str(options["host"]), int(str(options["port"]))
        self._require_free(host, port)
        call_command("setup", stdout=self.stdout)
        self.check(databases=["default"])  # Triggers in place, the application's role no owner, keys usable.
        call_command("collectstatic", interactive=False, verbosity=0)
        ensure_first_account()
        web = [
            *(sys.executable, "-m", "granian", "--interface", "wsgi", "--host", host, "--port", str(port)),
            *("--workers", "2", "--blocking-threads", "8", "--no-ws", "--log-level", "error"),
            "governance.wsgi:application",
        ]
        worker = [sys.executable, "manage.py", "worker"]
        processes = [subprocess.Popen(line, cwd=settings.BASE_DIR) for line in (web, worker)]
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self._stop(processes))
        if self._listens(host, port, processes):
            self._greet(host, port)
        while processes[0].poll() is None and not self._stopping:
            time.sleep(0.5)
            if processes[1].poll() is not None and not self._stopping:
                # It gives up where the database goes away for long; jobs of its own it does again.
                self.stderr.write(f"The worker ended with status {processes[1].returncode}; another starts.")
                time.sleep(2)
                processes[1] = subprocess.Popen(worker, cwd=settings.BASE_DIR)
        stopped, status = self._stopping, processes[0].returncode
        self._stop(processes)
        if not stopped:
            raise CommandError(f"The web server ended with status {status}; what it said stands above.")

    def _require_free(self, host: str, port: int) -> None:
        try:
            with socket.socket() as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind((host, port))
        except OSError as error:
            raise CommandError(f"{host}:{port} cannot be used ({error.strerror}): choose another --port.") from None

    def _listens(self, host: str, port: int, processes: list["subprocess.Popen[bytes]"]) -> bool:
        """Wait until the web server answers; False where a process ended before."""
        while all(process.poll() is None for process in processes):
            try:
                with socket.create_connection((host if host != "0.0.0.0" else "127.0.0.1", port), timeout=1):  # noqa: S104
                    return True
            except OSError:
                time.sleep(0.1)
        return False

    def _greet(self, host: str, port: int) -> None:
        address = f"http://{'localhost' if host == '127.0.0.1' else host}:{port}/"
        self.stdout.write(f"Countersign runs at {address}")
        if password_file().exists():
            self.stdout.write(
                f"First sign-in: {USERNAME}, password in {password_file()}: {password_file().read_text().strip()}"
            )
        self.stdout.write(f"API: {address}api/schema/   Stop with Ctrl-C.")
        self.stdout.flush()

    def _stop(self, processes: list["subprocess.Popen[bytes]"]) -> None:
        self._stopping = True
        for process in processes:
            if process.poll() is None:
                process.terminate()
        for process in processes:
            try:
                process.wait(timeout=15)
            except subprocess.TimeoutExpired:
                process.kill()
