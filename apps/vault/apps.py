"""The vault: secrets, in a database of their own."""

from django.apps import AppConfig


class VaultConfig(AppConfig):
    """The vault: secrets, in a database of their own."""

    name = "apps.vault"
    label = "vault"
