"""`manage.py create_oidc_client`: register an app that signs people in at the embedded issuer."""

from typing import Annotated
from urllib.parse import urlsplit

import typer
from allauth.idp.oidc.models import Client
from django.core.management import CommandError
from django.db import transaction

from apps.tenancy.management.base import Format, FormatOption, OperatorCommand

SCOPES = ["openid", "profile", "email"]


class Command(OperatorCommand):
    help = "Register a public OIDC client: authorization code with PKCE, refresh, and device code."

    def handle(
        self,
        id: Annotated[str, typer.Argument(help="The client_id, for example quintet-web.")],
        redirect_uri: Annotated[
            list[str], typer.Option(help="Where people come back to; may be given several times.")
        ],
        name: Annotated[str, typer.Option(help="What people see.")] = "",
        cors_origin: Annotated[
            list[str] | None, typer.Option(help="An origin whose pages may take tokens.")
        ] = None,
        ask: Annotated[
            bool,
            typer.Option("--ask", help="Ask people for their consent: for other people's apps."),
        ] = False,
        format: FormatOption = Format.TEXT,
    ) -> None:
        """Make the client; one that exists is not changed."""
        for uri in redirect_uri:
            if not urlsplit(uri).scheme or urlsplit(uri).fragment:
                raise CommandError(
                    f"{uri!r} is no redirect URI: give a whole address without #, such as "
                    "https://shop.example/back."
                )
        with transaction.atomic():
            if Client.objects.filter(id=id).exists():
                raise CommandError(f"There is a client {id!r} already.")
            client = Client(id=id, name=name or id, type=Client.Type.PUBLIC, skip_consent=not ask)
            client.set_scopes(SCOPES)
            client.set_default_scopes(SCOPES)
            client.set_redirect_uris(redirect_uri)
            client.set_cors_origins(cors_origin or [])
            client.set_grant_types(
                [
                    Client.GrantType.AUTHORIZATION_CODE,
                    Client.GrantType.REFRESH_TOKEN,
                    Client.GrantType.DEVICE_CODE,
                ]
            )
            client.set_response_types([Client.ResponseType.CODE])
            client.save(force_insert=True)
        self.say(f"{id} may sign people in.", as_format=format, client_id=id)
