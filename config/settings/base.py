"""What every process needs: apps, middleware, databases, cache, security."""

from pathlib import Path

from environs import Env

from config import embedded
from config.databases import PLAN, Server, build_databases, role_password

env = Env(prefix="QUINTET_")

ROOT = Path(__file__).resolve().parents[2]
VAR = Path(env.str("VAR", str(ROOT / "var")))

DEBUG = env.bool("DEBUG", False)
# Unset, it is a development machine: a key that is stable across restarts of it, and no other.
SECRET_KEY = env.str("SECRET_KEY", "") or embedded.local_secret(var=VAR, name="secret-key")
# Earlier ones: they no longer sign, but what they signed or sealed is still read.
SECRET_KEY_FALLBACKS: list[str] = env.list("SECRET_KEY_FALLBACKS", [])

# Ed25519 seeds in base64, for the audit log's seals: the first signs, all of them verify. Unset, the
# embedded server's machine keeps a key in VAR, and any other seals nothing.
SEAL_KEYS: list[str] = env.list("SEAL_KEYS", [])
# Public keys in base64 that verify, and sign nothing.
SEAL_PUBLIC_KEYS: list[str] = env.list("SEAL_PUBLIC_KEYS", [])

# The platform's own host: the control plane's admin, and the API for callers that send X-Tenant.
PLATFORM_HOST = env.str("PLATFORM_HOST", "quintet.localhost")
# Other names of the platform host, for probes and tools on the machine itself.
PLATFORM_HOST_ALIASES = frozenset(env.list("PLATFORM_HOST_ALIASES", ["localhost", "127.0.0.1"]))
# Tenants answer on <slug>.<TENANT_BASE_DOMAIN> unless given a domain of their own.
TENANT_BASE_DOMAIN = env.str("TENANT_BASE_DOMAIN", PLATFORM_HOST)
# Hosts are checked against the control plane's domains by the tenancy middleware.
ALLOWED_HOSTS = ["*"]

INSTALLED_APPS = [
    "unfold",
    "unfold.contrib.filters",
    "apps.kernel",
    "apps.tenancy",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "allauth",
    "allauth.account",
    "allauth.headless",
    "allauth.mfa",
    "allauth.usersessions",
    "allauth.idp.oidc",
    "rest_framework",
    "django_filters",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "corsheaders",
    "django_linear_migrations",
    "apps.users",
    "apps.media",
    "apps.commerce",
    "apps.events",
    "apps.platform",
    "apps.vault",
    "apps.audit",
]

MIDDLEWARE = [
    "apps.kernel.api.middleware.RequestIdMiddleware",
    "apps.kernel.api.middleware.HealthMiddleware",
    "apps.tenancy.metrics.MetricsMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "corsheaders.middleware.CorsMiddleware",
    "apps.tenancy.middleware.OriginMiddleware",
    "apps.tenancy.middleware.TenantMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "apps.kernel.api.middleware.RefusalMiddleware",
]

# The tenancy middleware chooses between this and config.urls_tenant, by the host.
ROOT_URLCONF = "config.urls_platform"
WSGI_APPLICATION = "config.wsgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [ROOT / "config" / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

DATABASE_PREFIX = env.str("DATABASE_PREFIX", "quintet")
_url = env.str("DATABASE_URL", "")
_urls = {alias: env.str(f"DATABASE_URL_{alias.upper()}", _url) for alias in PLAN}
# The embedded server runs unless every database has been given an address.
EMBEDDED_POSTGRES = not all(_urls.values())
_embedded = Server(
    host=str(embedded.postgres_socket_dir(var=VAR)) if EMBEDDED_POSTGRES else "",
    port=str(embedded.PORT),
    user=embedded.SUPERUSER,
)
DATABASE_SERVERS = {
    alias: Server.from_url(url) if url else _embedded for alias, url in _urls.items()
}
_replica_url = env.str("DATABASE_REPLICA_URL", "")
_replica_urls = {
    alias: env.str(f"DATABASE_REPLICA_URL_{alias.upper()}", _replica_url) for alias in PLAN
}
APP_PASSWORD = role_password(
    role="app", explicit=env.str("APP_PASSWORD", ""), secret_key=SECRET_KEY
)
OWNER_PASSWORD = role_password(
    role="owner", explicit=env.str("OWNER_PASSWORD", ""), secret_key=SECRET_KEY
)
# The owner's connections never go through a pooler: name the server itself where they differ.
OWNER_SERVERS = {
    alias: Server.from_url(url) if url else DATABASE_SERVERS[alias]
    for alias, url in (
        (alias, env.str(f"OWNER_DATABASE_URL_{alias.upper()}", env.str("OWNER_DATABASE_URL", "")))
        for alias in PLAN
    )
}
DATABASES = build_databases(
    servers=DATABASE_SERVERS,
    replicas={alias: Server.from_url(url) for alias, url in _replica_urls.items() if url},
    prefix=DATABASE_PREFIX,
    app_password=APP_PASSWORD,
    conn_max_age=env.int("CONN_MAX_AGE", 600),
)
DATABASE_ROUTERS = ["apps.tenancy.router.Router"]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
TEST_RUNNER = "django.test.runner.DiscoverRunner"

AUTH_USER_MODEL = "tenancy.Account"

LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_TZ = True
USE_I18N = True

STATIC_URL = "/static/"
# Served out of the packages themselves, or, in the image, from what `collectstatic` put together.
WHITENOISE_USE_FINDERS = env.bool("SERVE_STATIC_FROM_APPS", True)
STATIC_ROOT = None if WHITENOISE_USE_FINDERS else VAR / "static"
WHITENOISE_AUTOREFRESH = DEBUG

# Behind a proxy that terminates TLS: name the header it sets.
if env.bool("BEHIND_TLS_PROXY", False):
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    SESSION_COOKIE_SECURE = True
    CSRF_COOKIE_SECURE = True
    SECURE_HSTS_SECONDS = 31_536_000
# Behind any proxy: the header in which it says whom it serves, such as X-Forwarded-For.
CLIENT_ADDRESS_HEADER = env.str("CLIENT_ADDRESS_HEADER", "")
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
DATA_UPLOAD_MAX_MEMORY_SIZE = env.int("MAX_BODY_BYTES", 1_048_576)

# What the tenancy app guards.
SILENCED_SYSTEM_CHECKS = [
    "models.W035",  # contexts own tables of the same name, each in its own database
]
FORM_RENDERER = "django.forms.renderers.DjangoTemplates"

UNFOLD = {
    "SITE_TITLE": "Quintet",
    "SITE_HEADER": "Quintet",
    "SITE_SYMBOL": "diversity_3",
    "SHOW_HISTORY": False,
    "SHOW_VIEW_ON_SITE": False,
}
