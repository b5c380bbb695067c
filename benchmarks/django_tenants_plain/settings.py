"""Settings of the django-tenants reference: https://django-tenants.readthedocs.io/en/latest/install.html."""

import os

from benchmarks.environment import DJANGO_TENANTS_DATABASE

SECRET_KEY = "a key for benchmarks alone"
DEBUG = False
USE_TZ = True
TIME_ZONE = "UTC"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

DATABASES = {
    "default": {
        "ENGINE": "django_tenants.postgresql_backend",
        "NAME": DJANGO_TENANTS_DATABASE,
        "HOST": os.environ["BENCH_SOCKET_DIR"],
        "USER": os.environ["BENCH_USER"],
        "CONN_MAX_AGE": int(os.environ["BENCH_CONN_MAX_AGE"]),
    }
}
DATABASE_ROUTERS = ("django_tenants.routers.TenantSyncRouter",)
MIDDLEWARE = ["django_tenants.middleware.main.TenantMainMiddleware"]

SHARED_APPS = (
    "django_tenants",
    "benchmarks.django_tenants_plain.customers",
    "django.contrib.contenttypes",
    "django.contrib.auth",
)
TENANT_APPS = (
    "django.contrib.contenttypes",
    "django.contrib.auth",
    "benchmarks.django_tenants_plain.people",
)
INSTALLED_APPS = [*SHARED_APPS, *(app for app in TENANT_APPS if app not in SHARED_APPS)]

TENANT_MODEL = "customers.Client"
TENANT_DOMAIN_MODEL = "customers.Domain"
