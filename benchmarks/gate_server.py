"""What granian serves while the gate is measured: the product as it stands, and the bare view with no middleware."""

import os
from collections.abc import Iterable
from wsgiref.types import StartResponse, WSGIEnvironment

from django.conf import settings
from django.core.handlers.wsgi import WSGIHandler
from django.core.wsgi import get_wsgi_application

os.environ["DJANGO_SETTINGS_MODULE"] = "benchmarks.settings"
_product = get_wsgi_application()
# A handler loads its middleware once, when it is made.
settings.MIDDLEWARE = []
_bare = WSGIHandler()


def application(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    handler = _bare if environ["PATH_INFO"].startswith("/bare/") else _product
    return handler(environ, start_response)
