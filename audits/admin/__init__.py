"""The admin of the ground floor. Importing it registers its pages."""

from audits.admin import evidence, trail, verification

__all__ = ["evidence", "trail", "verification"]
