"""`manage.py rotate_signing_key`: have the embedded issuer sign with a new key from now on."""

from typing import Annotated

import typer
from django.core.exceptions import ImproperlyConfigured
from django.core.management import CommandError
from django.utils import timezone

from apps.tenancy.identity import keys
from apps.tenancy.management.base import DryRun, Format, FormatOption, OperatorCommand


class Command(OperatorCommand):
    help = "Sign tokens with a new key; the old one is published until its tokens have expired."

    def handle(
        self,
        revoke_old: Annotated[
            bool,
            typer.Option(
                "--revoke-old", help="A key leaked: refuse at once what older ones signed."
            ),
        ] = False,
        dry_run: DryRun = False,
        format: FormatOption = Format.TEXT,
    ) -> None:
        """Make the key; every process signs with it within seconds."""
        effect = "are refused" if revoke_old else "stay valid until they expire"
        if dry_run:
            self.say(f"A new key would sign; older tokens {effect}.", as_format=format)
            return
        try:
            key = keys.rotate(rotated_at=timezone.now(), revoke_old=revoke_old)
        except ImproperlyConfigured as error:
            raise CommandError(str(error)) from error
        self.say(
            f"Key {key.kid} signs from now on; older tokens {effect}.",
            as_format=format,
            kid=key.kid,
        )
