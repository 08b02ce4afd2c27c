"""The one error that printing a document raises.

Must never carry the text of the document.
"""

from audits.errors import DomainError


class DocumentError(DomainError):
    """The document could not be printed; nothing was written.

    Codes: ``document_template`` (the template is missing or broken), ``document_resource`` (the page asked
    for something it was not given), ``document_attachment`` (an attachment's name cannot be used),
    ``document_value`` (a value has no agreed way of being written), ``document_layout`` (something was lost
    in printing).
    """

    code = "document_layout"
    status = 422
