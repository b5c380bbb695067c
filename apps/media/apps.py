"""The media context: files, streams, contents, shoutouts."""

from django.apps import AppConfig


class MediaConfig(AppConfig):
    """The media context: files, streams, contents, shoutouts."""

    name = "apps.media"
    label = "media"
