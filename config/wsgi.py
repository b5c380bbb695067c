"""The REST API and the admin, served by granian under WSGI."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
application = get_wsgi_application()

from apps.tenancy.roles import check_serving_roles  # noqa: E402 - needs the apps to be loaded

check_serving_roles()
