"""The admin of the ground floor. Importing it registers its pages."""

from audits.admin import evidence, trail

__all__ = ["evidence", "trail"]
