"""Has the newest checkpoint timestamped by an authority, now and then, and keeps the token.

Never keeps a token that does not hold under the configured certificate.

RFC 3161; the request by rfc3161-client, the verification by it and by the offline verifier.
"""

import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, connections
from django.utils import timezone
from rfc3161_client import HashAlgorithm, TimestampRequestBuilder, VerifierBuilder, decode_timestamp_response
from rfc3161_client import VerificationError as ClientError

from audits.errors import DomainError
from audits.merkle.errors import VerificationError
from audits.merkle.timestamps import stamped_message, token_of_response, verify_timestamp
from audits.models.trail import Checkpoint, Timestamp
from audits.trail.log import latest_checkpoint
from audits.trail.publishing.outgoing import post

LOCK = 0x7374616D7073  # "stamps": one asks for a database.
_SECONDS = 10.0
_LONGEST_ANSWER = 262_144
_FIRST_REST, _LONGEST_REST = 30.0, 900.0  # Seconds.


class NoTimestamp(DomainError):
    """The authority gave no timestamp that holds; another attempt follows."""

    code = "no_timestamp"
    status = 409


@dataclass(frozen=True, kw_only=True)
class Authority:
    """Whom to ask, how often, and the certificates that its answers must lead to."""

    url: str
    roots: tuple[x509.Certificate, ...]
    every: timedelta

    @classmethod
    def configured(cls) -> "Authority":
        """The authority that the settings name. Raises NoTimestamp."""
        return cls(url=settings.TSA_URL, roots=trusted_roots(), every=timedelta(minutes=settings.TSA_MINUTES))


def trusted_roots() -> tuple[x509.Certificate, ...]:
    """The certificates in COUNTERSIGN_TSA_CA; none where it is not set. Raises NoTimestamp."""
    if not settings.TSA_CA:
        return ()
    try:
        return tuple(x509.load_pem_x509_certificates(Path(settings.TSA_CA).read_bytes()))
    except (OSError, ValueError) as error:
        raise NoTimestamp(f"COUNTERSIGN_TSA_CA ({settings.TSA_CA}) holds no readable certificates: {error}.") from error


class Stamper:
    """One candidate; of several workers one asks at a time."""

    def __init__(self, authority: Authority, *, using: str = DEFAULT_DB_ALIAS) -> None:
        self._authority = authority
        self._using = using
        self._failures = 0
        self._rests_until = 0.0

    def run(self) -> datetime | None:
        """Ask if it is time; the timestamp's time, None where nothing was to do. Raises NoTimestamp, NoAnswer."""
        if time.monotonic() < self._rests_until:
            return None
        with connections[self._using].cursor() as cursor:
            cursor.execute("SELECT pg_try_advisory_lock(%s)", [LOCK])
            (mine,) = cursor.fetchone()
            if not mine:
                return None
            try:
                checkpoint = self._due()
                return None if checkpoint is None else self._stamp(checkpoint)
            except DomainError:
                self._failures += 1
                self._rests_until = time.monotonic() + min(
                    _FIRST_REST * 2 ** min(self._failures - 1, 10), _LONGEST_REST
                )
                raise
            finally:
                cursor.execute("SELECT pg_advisory_unlock(%s)", [LOCK])

    def _due(self) -> Checkpoint | None:
        """The newest checkpoint, if it has no timestamp and the last one is old enough."""
        newest = latest_checkpoint()
        last = Timestamp.objects.filter(authority=self._authority.url).order_by("-size").first()
        if newest is None or newest.size == 0 or (last is not None and last.size >= newest.size):
            return None
        if last is not None and timezone.now() - last.at < self._authority.every:
            return None
        return newest

    def _stamp(self, checkpoint: Checkpoint) -> datetime:
        token, at = ask(self._authority, checkpoint.note)
        with connections[self._using].cursor() as cursor:
            cursor.execute("SELECT audits_keep_timestamp(%s, %s, %s)", [checkpoint.size, self._authority.url, token])
        self._failures = 0
        return at


def ask(authority: Authority, note: str) -> tuple[bytes, datetime]:
    """A token (DER of a TimeStampToken) over the note, and its time. Raises NoTimestamp, NoAnswer."""
    message = stamped_message(note)
    request = TimestampRequestBuilder().data(message).hash_algorithm(HashAlgorithm.SHA256).build()
    answer = post(
        authority.url,
        request.as_bytes(),
        content_type="application/timestamp-query",
        seconds=_SECONDS,
        limit=_LONGEST_ANSWER,
    )
    if answer.status != 200:
        raise NoTimestamp(f"{authority.url} answers HTTP {answer.status}.")
    try:
        token = token_of_response(answer.body)
        at = verify_timestamp(token, note, authority.roots, nonce=request.nonce)
        try:
            decoded = decode_timestamp_response(answer.body)
        except ValueError:
            # OpenSSL does not sort the certificates of a chain, and the client refuses such a set unread.
            return token, at
        verifier = VerifierBuilder.from_request(request)
        for root in dict.fromkeys(authority.roots):
            verifier = verifier.add_root_certificate(root)
        verifier.build().verify_message(decoded, message)
        return token, at
    except (ClientError, VerificationError, ValueError) as error:
        raise NoTimestamp(f"What {authority.url} answers is no timestamp of this checkpoint: {error}.") from error
