"""Loads the application, with all that a worker has; connects to nothing."""

import os

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
django.setup()

from config.celery import app  # noqa: E402

app.loader.import_default_modules()
