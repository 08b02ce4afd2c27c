"""Every setting of Countersign. This is the only place that reads the environment; the README lists what it reads."""

from pathlib import Path
from urllib.parse import unquote, urlsplit

from audits.retention import Retention, RetentionError, parse_retention
from governance.environment import SettingError, env, envbool, envint, envlist, envsecret

BASE_DIR = Path(__file__).resolve().parent.parent
DATA_DIR = Path(env("COUNTERSIGN_DATA", str(BASE_DIR / "var"))).absolute()
PRODUCTION = envbool("COUNTERSIGN_PRODUCTION", default=False)
ORGANIZATION = env("COUNTERSIGN_ORGANIZATION", "Example organization")
BASE_URL = env("COUNTERSIGN_BASE_URL", None if PRODUCTION else "http://localhost:8000").rstrip("/")


def _secret_key() -> str:
    given = envsecret("COUNTERSIGN_SECRET_KEY")
    if given:
        return given
    if PRODUCTION:
        raise SettingError("COUNTERSIGN_SECRET_KEY (or COUNTERSIGN_SECRET_KEY_FILE) must be set in production.")
    from audits.local_secrets import local_secret

    return local_secret(DATA_DIR / "secrets" / "django-secret-key")


def _retention(text: str) -> Retention:
    try:
        return parse_retention(text)
    except RetentionError as error:
        raise SettingError(f"COUNTERSIGN_RETENTION cannot be used: {error}.") from None


def _database(url: str, name: str) -> dict[str, object]:
    parts = urlsplit(url)
    if parts.scheme not in {"postgres", "postgresql"} or not parts.path.strip("/") or not parts.username:
        raise SettingError(f"{name} must look like postgresql://user:password@host:5432/database.")
    return {
        "ENGINE": "audits.postgres",
        "NAME": unquote(parts.path.lstrip("/")),
        "USER": unquote(parts.username),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": unquote(parts.hostname or ""),
        "PORT": str(parts.port or ""),
        "CONN_MAX_AGE": 60,
        "CONN_HEALTH_CHECKS": True,
    }


def _embedded(role: str) -> dict[str, object]:
    return {
        "ENGINE": "governance.embedded.backend",
        "NAME": "countersign",
        "CONN_MAX_AGE": 60,
        "CONN_HEALTH_CHECKS": True,
        "EMBEDDED": {"data_dir": DATA_DIR, "role": role},
    }


DATABASE_URL = envsecret("DATABASE_URL")
DATABASE_OWNER_URL = envsecret("DATABASE_OWNER_URL")
# "default" is the application's role, which owns nothing; "owner" is for migrations alone.
if DATABASE_URL:
    DATABASES = {"default": _database(DATABASE_URL, "DATABASE_URL")}
    if DATABASE_OWNER_URL:
        DATABASES["owner"] = _database(DATABASE_OWNER_URL, "DATABASE_OWNER_URL")
        if DATABASES["owner"]["USER"] == DATABASES["default"]["USER"]:
            raise SettingError("DATABASE_URL and DATABASE_OWNER_URL name one role; they must be two.")
    COUNTERSIGN_APPLICATION_ROLE = str(DATABASES["default"]["USER"])
else:
    if DATABASE_OWNER_URL:
        raise SettingError("DATABASE_OWNER_URL is set without DATABASE_URL; set both or neither.")
    DATABASES = {"default": _embedded("application"), "owner": _embedded("owner")}
    COUNTERSIGN_APPLICATION_ROLE = "countersign_app"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

SECRET_KEY = _secret_key()
DEBUG = False
ALLOWED_HOSTS = envlist("COUNTERSIGN_HOSTS", "" if PRODUCTION else "localhost,127.0.0.1,[::1]")
if PRODUCTION and not ALLOWED_HOSTS:
    raise SettingError("COUNTERSIGN_HOSTS must name the hosts that Countersign answers for, separated by commas.")
CSRF_TRUSTED_ORIGINS = envlist("COUNTERSIGN_TRUSTED_ORIGINS")

INSTALLED_APPS = [
    "governance.admin.apps.CountersignAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "procrastinate.contrib.django",
    "rest_framework",
    "drf_spectacular",
    "audits",
    "registry",
    "governance",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "governance.api.shortcut.GateMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "governance.middleware.ContentSecurityPolicyMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
ROOT_URLCONF = "governance.urls"
WSGI_APPLICATION = "governance.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
            "libraries": {"countersign": "audits.admin.tags"},
        },
    }
]
LANGUAGE_CODE = "en-us"
TIME_ZONE = "UTC"
USE_TZ = True
USE_I18N = False

AUTH_USER_MODEL = "audits.User"
AUTHENTICATION_BACKENDS = ["governance.authorization.RoleBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "admin:login"
LOGIN_REDIRECT_URL = "admin:index"
SESSION_COOKIE_AGE = envint("COUNTERSIGN_SESSION_MINUTES", 480, least=5) * 60
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = PRODUCTION
SESSION_COOKIE_SAMESITE = "Lax"
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SECURE_SSL_REDIRECT = PRODUCTION and envbool("COUNTERSIGN_TLS_REDIRECT", default=True)
SECURE_HSTS_SECONDS = 31_536_000 if PRODUCTION else 0
# Whether a whole domain is for TLS alone is not for one service of it to say.
SILENCED_SYSTEM_CHECKS = ["security.W005", "security.W021"]
SECURE_PROXY_SSL_HEADER = (
    ("HTTP_X_FORWARDED_PROTO", "https") if envbool("COUNTERSIGN_BEHIND_PROXY", default=False) else None
)
X_FRAME_OPTIONS = "DENY"

STATIC_URL = "static/"
STATIC_ROOT = DATA_DIR / "static"
STATICFILES_DIRS = [BASE_DIR / "templates" / "static"]
WHITENOISE_USE_FINDERS = True
STORAGES = {
    "default": {
        "BACKEND": "django.core.files.storage.FileSystemStorage",
        "OPTIONS": {"location": DATA_DIR / "files"},
    },
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    # Content-addressed files: artifacts, tables, evidence, dossiers.
    "artifacts": {
        "BACKEND": "audits.artifacts.local.AtomicFileSystemStorage",
        "OPTIONS": {"location": DATA_DIR / "artifacts"},
    },
}
UPLOAD_LIMIT_BYTES = envint("COUNTERSIGN_UPLOAD_LIMIT_MB", 2048, least=1) * 1024 * 1024
DATA_UPLOAD_MAX_MEMORY_SIZE = 10 * 1024 * 1024

# The trail: who signs it, and what the signer remembers outside the database.
TRAIL_ORIGIN = env("COUNTERSIGN_ORIGIN", None if PRODUCTION else "countersign.local/trail")
TRAIL_KEY = envsecret("COUNTERSIGN_TRAIL_KEY")
TRAIL_KMS = env("COUNTERSIGN_TRAIL_KMS", "")
if TRAIL_KEY and TRAIL_KMS:
    raise SettingError("Both COUNTERSIGN_TRAIL_KEY and COUNTERSIGN_TRAIL_KMS are set; keep one of them.")
TRAIL_RETIRED_KEYS = envsecret("COUNTERSIGN_TRAIL_RETIRED_KEYS") or ""
PERMIT_KEY = envsecret("COUNTERSIGN_PERMIT_KEY")
KEY_DIR = DATA_DIR / "keys"
SIGNER_DIR = Path(env("COUNTERSIGN_SIGNER_DIR", str(DATA_DIR / "signer"))).absolute()
TILES_DIR = Path(env("COUNTERSIGN_TILES_DIR", str(DATA_DIR / "tiles"))).absolute()
PUBLISH_SECONDS = envint("COUNTERSIGN_PUBLISH_SECONDS", 1, least=1)
WITNESSES = env("COUNTERSIGN_WITNESSES", "")
TSA_URL = env("COUNTERSIGN_TSA_URL", "")
TSA_CA = env("COUNTERSIGN_TSA_CA", "")
if TSA_URL and not TSA_CA:
    raise SettingError("COUNTERSIGN_TSA_URL is set without COUNTERSIGN_TSA_CA, the certificate to check answers by.")
TSA_MINUTES = envint("COUNTERSIGN_TSA_MINUTES", 60, least=1)
ARCHIVE_DIR = Path(env("COUNTERSIGN_ARCHIVE_DIR", str(DATA_DIR / "archive"))).absolute()
RETENTION = _retention(env("COUNTERSIGN_RETENTION", ""))
TRAIL_OPEN_SECONDS = envint("COUNTERSIGN_TRAIL_OPEN_SECONDS", 60, least=1)
PERMIT_HOURS = envint("COUNTERSIGN_PERMIT_HOURS", 24, least=1)
SIGNATURE_MINUTES = envint("COUNTERSIGN_SIGNATURE_MINUTES", 5, least=1)

# Measuring: limits for the processes in which models are loaded.
MEASUREMENT_MEMORY_BYTES = envint("COUNTERSIGN_MEASUREMENT_MEMORY_MB", 4096, least=256) * 1024 * 1024
MEASUREMENT_SECONDS = envint("COUNTERSIGN_MEASUREMENT_SECONDS", 1800, least=10)

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["governance.api.authentication.TokenAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["audits.api.parsers.StrictJSONParser"],
    "DEFAULT_PAGINATION_CLASS": "audits.api.pagination.Pages",
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "audits.api.problems.problem_handler",
    "PAGE_SIZE": 50,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Countersign",
    "DESCRIPTION": "Governance and compliance audit service for machine-learning models.",
    "VERSION": "0.1.0",
    "OAS_VERSION": "3.1.0",
    # What an account may see in the schema is the same for all: there is nothing secret in it.
    "SERVE_PUBLIC": True,
    "SERVE_AUTHENTICATION": [],
    "SERVE_PERMISSIONS": [],
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "governance.api.schema.describe_problems_and_receipts",
    ],
    "ENUM_NAME_OVERRIDES": {
        "ProgressEnum": "registry.models.IntakeStatus",
        "AssessmentProgressEnum": "registry.models.AssessmentStatus",
    },
}

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"plain": {"format": "%(asctime)s %(levelname)s %(name)s: %(message)s"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "plain"}},
    "root": {"handlers": ["stderr"], "level": env("COUNTERSIGN_LOG_LEVEL", "WARNING")},
}
