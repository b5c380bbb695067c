"""Settings of the plain reference."""

import os

from benchmarks.environment import PLAIN_DATABASE

SECRET_KEY = "a key for benchmarks alone"
DEBUG = False
ALLOWED_HOSTS = ["*"]
INSTALLED_APPS = ["rest_framework", "django_filters", "benchmarks.plain"]
MIDDLEWARE: list[str] = []
ROOT_URLCONF = "benchmarks.plain.urls"
USE_TZ = True
TIME_ZONE = "UTC"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": PLAIN_DATABASE,
        "HOST": os.environ["BENCH_SOCKET_DIR"],
        "USER": os.environ["BENCH_USER"],
        "CONN_MAX_AGE": int(os.environ["BENCH_CONN_MAX_AGE"]),
        "CONN_HEALTH_CHECKS": True,
    }
}

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [],
    "DEFAULT_PERMISSION_CLASSES": [],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_FILTER_BACKENDS": ["django_filters.rest_framework.DjangoFilterBackend"],
    "UNAUTHENTICATED_USER": None,
}
