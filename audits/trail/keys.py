"""The trail's own Ed25519 keys and the signer's memory: where they come from.

The present key comes from the setting TRAIL_KEY, from a key service (TRAIL_KMS), else from ``trail.pem`` in the key
directory; retired keys from the setting TRAIL_RETIRED_KEYS and from ``retired-keys`` beside the signer's memory. Never
makes a key in production, and never a second one: a log that changes its key by accident is another log.
"""

from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.conf import settings

from audits.errors import DomainError
from audits.local_secrets import local_file, only_one_in, sync_folder
from audits.merkle.errors import VerificationError
from audits.merkle.log_keys import RetiredKey, TrailKeys, parse_retired
from audits.merkle.notes import NoteSigner, SigningKey, VerifyingKey
from audits.trail.kms import KeyServiceFailed, remote_key
from audits.trail.signer_state import SignerState


class NoTrailKey(DomainError):
    """There is no key that could sign checkpoints, or it cannot be read."""

    code = "no_trail_key"
    status = 409


def signing_key() -> NoteSigner:
    """The key that signs checkpoints; outside production it is made once. Raises NoTrailKey."""
    name = settings.TRAIL_ORIGIN
    if settings.TRAIL_KMS:
        try:
            return remote_key(name, settings.TRAIL_KMS)
        except KeyServiceFailed as error:
            raise NoTrailKey(error.message) from error
    if settings.TRAIL_KEY:
        return _read(name, settings.TRAIL_KEY.encode(), source="COUNTERSIGN_TRAIL_KEY")
    path = key_file()
    if not path.exists():
        if settings.PRODUCTION:
            raise NoTrailKey(
                "The trail has no signing key: set COUNTERSIGN_TRAIL_KEY (or COUNTERSIGN_TRAIL_KEY_FILE) or "
                f"COUNTERSIGN_TRAIL_KMS, or restore {path} from a backup. A new trail's first key is made with: "
                "openssl genpkey -algorithm ed25519"
            )
        if signer_state().exists():
            raise NoTrailKey(
                f"The key {path} is gone, but checkpoints were signed with it: restore it from a backup. "
                "With a new key nobody could tell this log from a forged one."
            )
    data = local_file(path, lambda: SigningKey(name, Ed25519PrivateKey.generate()).to_pem())
    return _succeeded(_read(name, data, source=str(path)))


def verifying_key() -> VerifyingKey:
    """The present key's public half, to give away. To check a checkpoint, use ``trail_keys``. Raises NoTrailKey."""
    return signing_key().verifying_key


def trail_keys() -> TrailKeys:
    """The present key and the retired ones with the last size each may have signed. Raises NoTrailKey."""
    retired = retired_keys()
    while True:
        present, before = verifying_key(), retired
        retired = retired_keys()
        if retired == before:
            break  # Else a rotation went on between the two.
    try:
        return TrailKeys(present=present, retired=retired)
    except VerificationError as error:
        raise NoTrailKey(f"The list of retired keys cannot be used: {error}.") from None


def retired_keys() -> tuple[RetiredKey, ...]:
    """The retired keys of setting and file, oldest first. Raises NoTrailKey where a list cannot be read."""
    path = retired_file()
    try:
        written = path.read_text(encoding="utf-8") if path.exists() else ""
        return tuple(dict.fromkeys((*parse_retired(settings.TRAIL_RETIRED_KEYS), *parse_retired(written))))
    except (OSError, ValueError) as error:
        raise NoTrailKey(
            f"The list of retired keys (COUNTERSIGN_TRAIL_RETIRED_KEYS and {path}) cannot be read: {error}."
        ) from None


def signer_state() -> SignerState:
    """The signer's memory of what it signed last, outside the database."""
    return SignerState(settings.SIGNER_DIR / "checkpoint", trail_keys)


def key_file() -> Path:
    """Where the key is that Countersign made itself."""
    return Path(settings.KEY_DIR) / "trail.pem"


def next_key_file() -> Path:
    """Where a rotation puts the key that is to follow."""
    return Path(settings.KEY_DIR) / "trail.next.pem"


def retired_file() -> Path:
    """The list of keys that rotations have retired: beside the signer's memory, for every worker that signs."""
    return Path(settings.SIGNER_DIR) / "retired-keys"


def read_key(path: Path) -> SigningKey:
    """The trail's key in a PEM file. Raises NoTrailKey."""
    try:
        return _read(settings.TRAIL_ORIGIN, path.read_bytes(), source=str(path))
    except OSError as error:
        raise NoTrailKey(f"The key {path} cannot be read: {error.strerror}.") from None


def _succeeded(key: SigningKey) -> SigningKey:
    """The key itself, or its successor where a rotation retired it and was killed before that took its place."""
    if not next_key_file().exists() or not _is_retired(key):
        return key
    try:
        with only_one_in(key_file().parent):
            key = read_key(key_file())
            if next_key_file().exists() and _is_retired(key):
                next_key_file().replace(key_file())  # The retired private half is gone with this.
                sync_folder(key_file().parent)
        return read_key(key_file())
    except OSError:
        return key  # Whoever may only read here checks with it, and signs nothing.


def _is_retired(key: SigningKey) -> bool:
    return key.verifying_key in {retired.key for retired in retired_keys()}


def _read(name: str, pem: bytes, *, source: str) -> SigningKey:
    try:
        return SigningKey.from_pem(name, pem)
    except ValueError as error:
        raise NoTrailKey(f"The trail's key cannot be used ({source}): {error}.") from None
