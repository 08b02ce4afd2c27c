"""What uploads have in common: fields checked before the file is kept, the file kept by its digest."""

from typing import Any, cast

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.http import QueryDict
from rest_framework import serializers
from rest_framework.exceptions import UnsupportedMediaType
from rest_framework.request import Request

from audits.api.parsers import json_value
from audits.artifacts import store
from audits.serializers.strict import DigestField, StrictSerializer


def reading_upload(
    request: Request, form: type[StrictSerializer], field: str
) -> tuple[dict[str, Any], "UploadedFile[Any]", str]:
    """The stated metadata, the file (on disk) and the SHA-256 it was announced with, "" where none was."""
    if not (request.content_type or "").startswith("multipart/form-data"):
        raise UnsupportedMediaType(
            request.content_type or "", f"Send multipart/form-data with the file as {field} and the field metadata."
        )
    given: dict[str, Any] = {}
    for name, values in cast("QueryDict", request.data).lists():
        if len(values) > 1:
            raise serializers.ValidationError({name[:100]: ["Send this field once."]})
        given[name] = values[0]
    text = given.get("metadata")
    if isinstance(text, str):
        if "\N{REPLACEMENT CHARACTER}" in text:  # What Django's multipart parser makes of bytes that are no text.
            raise serializers.ValidationError({"metadata": ["This is not UTF-8 text."]})
        given["metadata"] = json_value(text.encode(), what="The field metadata")
    asked = form(data=given)
    asked.is_valid(raise_exception=True)
    file: UploadedFile[Any] = asked.validated_data[field]
    if "\0" in str(file.name):
        raise serializers.ValidationError({field: ["The file's name holds a NUL character."]})
    digest = asked.validated_data.get("sha256") or announced_digest(request.headers.get("X-Content-SHA256", ""))
    return dict(asked.validated_data["metadata"]), file, digest


def announced_digest(header: str) -> str:
    """The SHA-256 in the header X-Content-SHA256; "" where there is none."""
    if not header:
        return ""
    try:
        return str(DigestField().run_validation(header))
    except serializers.ValidationError as error:
        raise serializers.ValidationError({"X-Content-SHA256": error.detail}) from None


def keep_upload(file: "UploadedFile[Any]", digest: str) -> store.Stored:
    """Put the file into the content store. Raises CorruptContent where it is not what was announced."""
    return store.put(
        file.chunks(store.CHUNK),
        expected_digest=digest,
        expected_size=file.size,
        limit=settings.UPLOAD_LIMIT_BYTES,
    )
