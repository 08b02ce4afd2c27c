"""Documents: a template and its values printed as a PDF to archive (PDF/A-3b, ISO 19005-3:2012).

Must never know what a model, a policy or an approval is, and must never fetch anything while it prints.
"""

from audits.documents.attachments import Attachment, Relationship
from audits.documents.errors import DocumentError
from audits.documents.rendering import render_pdf

__all__ = ["Attachment", "DocumentError", "Relationship", "render_pdf"]
