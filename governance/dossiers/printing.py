"""A dossier's content printed as a PDF/A-3b, the machine-readable records enclosed.

Must never look anything up: what is printed is what was gathered, and the same content prints the same bytes.
"""

import hashlib

from audits.documents import render_pdf
from governance.dossiers.content import DossierContent
from governance.dossiers.holes import find_holes

TEMPLATE = "dossier/dossier.html"


def print_dossier(content: DossierContent) -> bytes:
    """The PDF.

    Raises ``audits.documents.DocumentError``.
    """
    figures = {figure.sha256: figure.content for section in content.evidence for figure in section.figures}
    identity = f"{content.reference}\n{content.model}\n{content.version}\n{content.printed_at.isoformat()}"
    return render_pdf(
        template=TEMPLATE,
        context={"dossier": content, "holes": find_holes(content)},
        figures=figures,
        attachments=content.attachments,
        title=f"Dossier {content.reference}: {content.model} version {content.version}",
        author=content.organization,
        created=content.printed_at,
        identifier=hashlib.sha256(identity.encode()).digest()[:16],
    )
