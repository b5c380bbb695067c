"""Logs: one line per event on standard error; JSON when QUINTET_LOG_FORMAT=json. And metrics."""

import logging

from environs import validate

from config.settings.base import env

LOG_LEVEL = env.log_level("LOG_LEVEL", logging.WARNING)
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "console": {"format": "%(asctime)s %(levelname)s %(name)s %(message)s"},
        "json": {"()": "apps.kernel.logs.JSONFormatter"},
    },
    "handlers": {
        "stderr": {
            "class": "logging.StreamHandler",
            "formatter": env.str(
                "LOG_FORMAT", "console", validate=validate.OneOf(["console", "json"])
            ),
        }
    },
    "root": {"handlers": ["stderr"], "level": LOG_LEVEL},
    "loggers": {
        # A refusal is an answer, not an incident; what needs a look is logged by the handler.
        "django.request": {"level": "ERROR"},
        "django.security.DisallowedHost": {"level": "ERROR"},
    },
}

# Who sends it as a Bearer token may read /metrics; unset, nobody may.
METRICS_TOKEN = env.str("METRICS_TOKEN", "")
