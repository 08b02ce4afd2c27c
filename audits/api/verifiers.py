"""The two verifiers for whoever wants them: nobody has to sign in to check what we say.

Never anything but the built files, with the policy that belongs to the page.
"""

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from audits.standalone import archive_bytes, page_bytes, page_policy

_KEPT = "public, max-age=3600"


@require_safe
def verify_page(request: HttpRequest) -> HttpResponse:
    """verify.html: checks a bundle in the browser, offline."""
    headers = {"Content-Security-Policy": page_policy(), "Cache-Control": _KEPT}
    return HttpResponse(page_bytes(), content_type="text/html; charset=utf-8", headers=headers)


@require_safe
def verify_archive(request: HttpRequest) -> HttpResponse:
    """verify.pyz: checks a bundle with Python and the package cryptography."""
    headers = {"Content-Disposition": 'attachment; filename="verify.pyz"', "Cache-Control": _KEPT}
    return HttpResponse(archive_bytes(), content_type="application/zip", headers=headers)
