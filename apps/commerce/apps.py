"""The commerce context: inventory, purchases, subscriptions, the ledger."""

from django.apps import AppConfig


class CommerceConfig(AppConfig):
    """The commerce context: inventory, purchases, subscriptions, the ledger."""

    name = "apps.commerce"
    label = "commerce"
