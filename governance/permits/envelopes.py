"""The envelope around a statement: what is signed is the type and the bytes of the payload, never a parsed
form.

Nothing inside an envelope is looked at before its signature holds.
DSSE v1.0.2, protocol.md (PAE) and envelope.md.
"""

import base64
import binascii
from collections.abc import Mapping

from governance.json_documents import JSON, DocumentError, Place, place_document, read_document
from governance.permits.errors import PermitError
from governance.permits.keys import SigningKey, VerifyingKey
from governance.permits.statements import PAYLOAD_TYPE, statement_bytes

MAX_BYTES = 1024 * 1024
_MAX_SIGNATURES = 20


def pae(payload_type: str, payload: bytes) -> bytes:
    """The pre-authentication encoding: type and payload with their lengths in bytes, so that neither can
    shift.
    """
    kind = payload_type.encode()
    return b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload)


def sign_envelope(statement: Mapping[str, JSON], key: SigningKey) -> dict[str, JSON]:
    """The signed envelope of a statement, as JSON."""
    payload = statement_bytes(statement)
    signature = key.sign(pae(PAYLOAD_TYPE, payload))
    return {
        "payload": base64.b64encode(payload).decode(),
        "payloadType": PAYLOAD_TYPE,
        "signatures": [{"keyid": key.id, "sig": base64.b64encode(signature).decode()}],
    }


def verify_envelope(envelope: object, public_key: VerifyingKey) -> Mapping[str, JSON]:
    """The statement in an envelope, given as parsed JSON, after its signature was found to be by the key.

    1. The envelope has a payload, the payload type of in-toto, and at least one signature.
    2. One signature, over type and payload as they stand, is by the key. The ``keyid`` is only a hint and
       decides
       nothing.
    3. The payload is one JSON object without a name twice.

    Raises ``PermitError`` with the number of the step.
    """
    # 1
    try:
        fields = place_document(envelope).members(at_most=20)
        for name in ("payload", "payloadType", "signatures"):
            if name not in fields:
                raise PermitError(f'The envelope has no "{name}"; it is not a DSSE envelope.', step=1)
        payload_type = fields["payloadType"].text(at_most=200)
        payload = _base64(fields["payload"])
        signatures = [_signature(place) for place in fields["signatures"].items(at_least=1, at_most=_MAX_SIGNATURES)]
    except DocumentError as error:
        raise PermitError(f"The envelope cannot be read: {error.message}", step=1) from None
    if payload_type != PAYLOAD_TYPE:
        raise PermitError(f'The payload is "{payload_type[:60]}", not an in-toto statement.', step=1)
    # 2
    signed = pae(payload_type, payload)
    if not any(public_key.verify(signed, signature) for signature in signatures):
        raise PermitError(f"No signature is by the key {public_key.id}.", step=2)
    # 3
    try:
        statement = read_document(payload, max_bytes=MAX_BYTES).value
    except DocumentError as error:
        raise PermitError(f"The signed payload cannot be read: {error.message}", step=3) from None
    if not isinstance(statement, dict):
        raise PermitError("The signed payload is not an object.", step=3)
    return statement


def read_envelope(data: bytes) -> Mapping[str, JSON]:
    """The envelope in a file, not yet verified. Raises ``PermitError`` if it is no JSON object."""
    try:
        envelope = read_document(data, max_bytes=MAX_BYTES).value
    except DocumentError as error:
        raise PermitError(f"The envelope cannot be read: {error.message}", step=1) from None
    if not isinstance(envelope, dict):
        raise PermitError("The envelope is not an object; it is not a DSSE envelope.", step=1)
    return envelope


def _signature(place: Place) -> bytes:
    fields = place.members(at_most=20)
    if "sig" not in fields:
        place.fail('"sig" is missing.')
    return _base64(fields["sig"])


def _base64(place: Place) -> bytes:
    # DSSE lets a producer choose the standard alphabet or the one for URLs; a verifier takes both.
    text = place.text(at_most=2 * MAX_BYTES).translate(str.maketrans("-_", "+/"))
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError):
        place.fail("it is not Base 64.")
