"""The trail's own Ed25519 key and the signer's memory: where they come from.

The key comes from the setting TRAIL_KEY, else from ``trail.pem`` in the key directory. Never makes a key in
production, and never a second one: a log that changes its key by accident is another log.
"""

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.conf import settings

from audits.errors import DomainError
from audits.local_secrets import local_file
from audits.merkle.notes import SigningKey, VerifyingKey
from audits.trail.signer_state import SignerState


class NoTrailKey(DomainError):
    """There is no key that could sign checkpoints, or it cannot be read."""

    code = "no_trail_key"
    status = 409


def signing_key() -> SigningKey:
    """The key that signs checkpoints; outside production it is made once. Raises NoTrailKey."""
    name = settings.TRAIL_ORIGIN
    if settings.TRAIL_KEY:
        return _read(name, settings.TRAIL_KEY.encode(), source="COUNTERSIGN_TRAIL_KEY")
    path = settings.KEY_DIR / "trail.pem"
    if not path.exists():
        if settings.PRODUCTION:
            raise NoTrailKey(
                "The trail has no signing key: set COUNTERSIGN_TRAIL_KEY (or COUNTERSIGN_TRAIL_KEY_FILE), or "
                f"restore {path} from a backup. A new trail's first key is made with: "
                "openssl genpkey -algorithm ed25519"
            )
        if signer_state().exists():
            raise NoTrailKey(
                f"The key {path} is gone, but checkpoints were signed with it: restore it from a backup. "
                "With a new key nobody could tell this log from a forged one."
            )
    data = local_file(path, lambda: SigningKey(name, Ed25519PrivateKey.generate()).to_pem())
    return _read(name, data, source=str(path))


def verifying_key() -> VerifyingKey:
    """The public half, to give away. Raises NoTrailKey."""
    return signing_key().verifying_key


def signer_state() -> SignerState:
    """The signer's memory of what it signed last, outside the database."""
    return SignerState(settings.SIGNER_DIR / "checkpoint")


def _read(name: str, pem: bytes, *, source: str) -> SigningKey:
    try:
        return SigningKey.from_pem(name, pem)
    except ValueError as error:
        raise NoTrailKey(f"The trail's key cannot be used ({source}): {error}.") from None
