"""The product's addresses, and one bare view to compare the gate with."""

import json

from django.db import connections
from django.http import HttpRequest, JsonResponse
from django.urls import path

from governance.urls import urlpatterns as product_urls


def bare(request: HttpRequest, pk: str) -> JsonResponse:
    """One indexed row, read and answered: no token, no record, no signature."""
    with connections["bare"].cursor() as cursor:
        cursor.execute("SELECT allowed, outcome -> 'reasons' FROM governance_standing WHERE id = %s", [pk])
        allowed, reasons = cursor.fetchone()
    response = JsonResponse({"id": pk, "allowed": allowed, "reasons": json.loads(reasons)})
    # Left to the middleware that this view goes without; its absence would make the answer chunked.
    response.headers["Content-Length"] = str(len(response.content))
    return response


urlpatterns = [path("bare/<str:pk>", bare), *product_urls]
