"""The events context: events, tickets, classes, sessions."""

from django.apps import AppConfig


class EventsConfig(AppConfig):
    """The events context: events, tickets, classes, sessions."""

    name = "apps.events"
    label = "events"
