"""Quintet's settings, by subject. Every `QUINTET_…` variable is read in these modules only."""

from config.settings.api import *  # noqa: F403
from config.settings.base import *  # noqa: F403
from config.settings.commerce import *  # noqa: F403
from config.settings.identity import *  # noqa: F403
from config.settings.jobs import *  # noqa: F403
from config.settings.logging import *  # noqa: F403
from config.settings.notifications import *  # noqa: F403
from config.settings.stream import *  # noqa: F403
from config.settings.webhooks import *  # noqa: F403
