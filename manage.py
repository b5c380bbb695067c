#!/usr/bin/env python
"""Quintet's command line: `./manage.py help` lists what it can do."""

import os
import sys

from django.core.management import execute_from_command_line

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    try:
        import config.settings  # noqa: F401 - read first, so that a wrong value is one line
    except ValueError as error:
        sys.exit(f"The configuration can't be read: {error}")
    execute_from_command_line(sys.argv)
