"""Fields of requests and the digests in them; a field that nobody knows is refused, never dropped silently."""

from collections.abc import Mapping
from typing import Any

from rest_framework import serializers

DIGEST = r"^(sha256:)?[0-9a-fA-F]{64}$"


class StrictSerializer(serializers.Serializer[Any]):
    """Takes exactly the fields that it declares, and texts only where texts belong."""

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, Mapping):
            # DRF would turn numbers into texts.
            numbers = [
                name
                for name, field in self.fields.items()
                if isinstance(field, serializers.CharField) and isinstance(data.get(name), int | float)
            ]
            if numbers:
                raise serializers.ValidationError({name: ["Write this as text, in quotes."] for name in numbers})
            unknown = sorted(set(data) - set(self.fields))
            if unknown:
                known = ", ".join(self.fields)
                raise serializers.ValidationError(
                    {str(name)[:100]: [f"There is no such field. The fields are: {known}."] for name in unknown}
                )
        return super().to_internal_value(data)


class DigestField(serializers.RegexField):
    """A SHA-256 in hexadecimal, with or without ``sha256:`` before it."""

    def __init__(self, **options: Any) -> None:
        options.setdefault("error_messages", {"invalid": "This must be a SHA-256: 64 hexadecimal digits."})
        super().__init__(DIGEST, **options)

    def to_internal_value(self, data: Any) -> str:
        return str(super().to_internal_value(data)).removeprefix("sha256:").lower()


class ObjectField(serializers.JSONField):
    """A JSON object; in a form, its text."""

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        value = super().to_internal_value(data)
        if not isinstance(value, dict):
            raise serializers.ValidationError("This must be a JSON object.")
        return value
