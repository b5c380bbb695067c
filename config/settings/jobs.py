"""Cache, broker and tasks."""

from config import embedded
from config.settings.base import VAR, env

# Valkey or Redis; unset, the embedded one on its private socket.
VALKEY_URL = env.str("VALKEY_URL", "")
EMBEDDED_VALKEY = not VALKEY_URL
if EMBEDDED_VALKEY:
    _valkey = embedded.valkey_address(var=VAR)
    # Several test workers share one server, each in databases of its own.
    _database = env.int("VALKEY_DATABASE", 0)
    VALKEY_URL = _valkey.url(database=_database)
    _broker_default = _valkey.celery_url(database=_database + 1)
else:
    _broker_default = VALKEY_URL

CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": VALKEY_URL,
        "KEY_PREFIX": "quintet",
    }
}

# RabbitMQ by configuration: amqp://user:password@host:5672//
CELERY_BROKER_URL = env.str("BROKER_URL", _broker_default)
CELERY_RESULT_BACKEND = None
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_TASK_DEFAULT_QUEUE = "quintet"
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TIMEZONE = "UTC"
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BEAT_SCHEDULE = {
    "dispatch": {"task": "tenancy.dispatch_scheduled", "schedule": 60.0},
    "sweep": {"task": "tenancy.sweep_messages", "schedule": 15.0},
}

EMAIL_BACKEND = env.str("EMAIL_BACKEND", "django.core.mail.backends.console.EmailBackend")
EMAIL_HOST = env.str("EMAIL_HOST", "localhost")
EMAIL_PORT = env.int("EMAIL_PORT", 25)
EMAIL_HOST_USER = env.str("EMAIL_HOST_USER", "")
EMAIL_HOST_PASSWORD = env.str("EMAIL_HOST_PASSWORD", "")
EMAIL_USE_TLS = env.bool("EMAIL_USE_TLS", False)
# Somebody waits for the answer while an invitation is sent.
EMAIL_TIMEOUT = env.float("EMAIL_TIMEOUT_SECONDS", 10.0)
DEFAULT_FROM_EMAIL = env.str("DEFAULT_FROM_EMAIL", "no-reply@quintet.localhost")
