"""The live stream, served by granian under ASGI; everything else is served by config.wsgi."""

import os

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
django.setup()

from django.db import connections  # noqa: E402 - needs the settings

from apps.platform.stream.application import StreamApplication  # noqa: E402 - needs the apps
from apps.tenancy.roles import check_serving_roles  # noqa: E402 - needs the apps

check_serving_roles()
# Threads of their own read for the streams; the loop's thread never asks a database anything.
connections.close_all()
application = StreamApplication()
