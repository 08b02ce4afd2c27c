"""A trail's key that is kept elsewhere: in a KMS, an HSM, or a signer on another host.

The private half is never in this process. Never hands on a signature that it has not checked itself.
"""

from functools import cache
from typing import Protocol

from django.utils.module_loading import import_string

from audits.errors import DomainError
from audits.merkle.notes import VerifyingKey, signed_note, text_to_sign


class KeyService(Protocol):
    """What the object must do that the factory named by ``COUNTERSIGN_TRAIL_KMS`` returns."""

    def public_key(self) -> bytes:
        """The Ed25519 public key: 32 bytes (RFC 8032)."""

    def sign(self, message: bytes) -> bytes:
        """The Ed25519 signature over the message itself, not a digest of it (PureEdDSA): 64 bytes."""


class KeyServiceFailed(DomainError):
    """The key service cannot be used or does not answer; acts wait until it does."""

    code = "key_service"
    status = 409


class RemoteKey:
    """Signs notes through a key service."""

    def __init__(self, name: str, service: KeyService, public: bytes) -> None:
        self._service = service
        self._verifying = VerifyingKey(name=name, public=public)

    @property
    def name(self) -> str:
        return self._verifying.name

    @property
    def verifying_key(self) -> VerifyingKey:
        return self._verifying

    def sign_note(self, text: str) -> str:
        """As ``SigningKey.sign_note``. Raises KeyServiceFailed."""
        message = text_to_sign(text)
        try:
            signature = self._service.sign(message)
        except Exception as error:
            raise KeyServiceFailed(f"The key service does not sign: {type(error).__name__}: {error}.") from error
        if not isinstance(signature, bytes) or not self._verifying.signed(signature, message):
            raise KeyServiceFailed("What the key service returned is not a signature of its own key over the message.")
        return signed_note(text, self._verifying, signature)


def remote_key(name: str, factory: str) -> RemoteKey:
    """The key of the service that ``factory`` (a dotted path) makes; made and asked for its key once a process."""
    service, public = _service(factory)
    return RemoteKey(name, service, public)


@cache
def _service(factory: str) -> tuple[KeyService, bytes]:
    try:
        service: KeyService = import_string(factory)()
        public = bytes(service.public_key())
        VerifyingKey(name="probe", public=public)
    except Exception as error:
        raise KeyServiceFailed(
            f"COUNTERSIGN_TRAIL_KMS names {factory}, which gives no Ed25519 key: {type(error).__name__}: {error}."
        ) from error
    return service, public
