"""The admin of the middle floor. Importing it registers its pages; models and versions have theirs one floor up."""

from registry.admin import datasets, operations, uploads

__all__ = ["datasets", "operations", "uploads"]
