"""The product's settings, led to a place of the benchmarks' own: COUNTERSIGN_DATA/bench, embedded PostgreSQL.

Never signs with the installation's keys and never opens its database.
"""

from governance.settings import *  # noqa: F403 - these are the product's settings but for what follows.
from governance.settings import DATA_DIR as INSTALLED_DATA_DIR
from governance.settings import INSTALLED_APPS as PRODUCT_APPS
from governance.settings import STORAGES as PRODUCT_STORAGES

DATA_DIR = INSTALLED_DATA_DIR / "bench"
KEY_DIR = DATA_DIR / "keys"
SIGNER_DIR = DATA_DIR / "signer"
STATIC_ROOT = DATA_DIR / "static"
STORAGES = {
    **PRODUCT_STORAGES,
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage", "OPTIONS": {"location": DATA_DIR / "files"}},
    "artifacts": {
        "BACKEND": "audits.artifacts.local.AtomicFileSystemStorage",
        "OPTIONS": {"location": DATA_DIR / "artifacts"},
    },
}
PRODUCTION = False
SECURE_SSL_REDIRECT = False
ALLOWED_HOSTS = ["127.0.0.1"]
TRAIL_KEY = PERMIT_KEY = None


def _embedded(role: str, *, health_checks: bool = True) -> dict[str, object]:
    return {
        "ENGINE": "governance.embedded.backend",
        "NAME": "bench",
        "CONN_MAX_AGE": 60,
        "CONN_HEALTH_CHECKS": health_checks,
        "EMBEDDED": {"data_dir": DATA_DIR, "role": role},
    }


DATABASES = {
    "default": _embedded("application"),
    "owner": _embedded("owner"),
    # For the bare view: what a view pays that keeps its connection and asks for nothing else.
    "bare": _embedded("application", health_checks=False),
    # For the peers: benchmarks.database says where the server is.
    "stock": {"ENGINE": "django.db.backends.postgresql", "NAME": "bench", "CONN_MAX_AGE": 60},
}
COUNTERSIGN_APPLICATION_ROLE = "countersign_app"
INSTALLED_APPS = [
    *PRODUCT_APPS,
    "benchmarks",
    # From requirements-bench.txt.
    "pgtrigger",
    "pghistory",
    "auditlog",
    "simple_history",
    "benchmarks.peers",
]
# Tables that no migration makes get their triggers from a command, once the bench wants them.
PGTRIGGER_MIGRATIONS = False
PGTRIGGER_INSTALL_ON_MIGRATE = False
ROOT_URLCONF = "benchmarks.urls"
