"""`manage.py rotate_seal_key`: make the key that seals the audit log from now on."""

from typing import Annotated

import typer

from apps.audit import keys
from apps.tenancy.management.base import Format, FormatOption, OperatorCommand


class Command(OperatorCommand):
    help = (
        "Make a new key for the seals of the audit log; the others still verify. A development "
        "machine takes it at once; elsewhere the value to set is printed."
    )

    def handle(
        self,
        list_keys: Annotated[
            bool, typer.Option("--list", help="Print the public keys, and make none.")
        ] = False,
        format: FormatOption = Format.TEXT,
    ) -> None:
        """Make a key, or list the public ones."""
        if list_keys:
            known = keys.configured().public_keys()
            rows = [
                {"key_id": key_id, "public_key": keys.public_text(key)}
                for key_id, key in known.items()
            ]
            self.answer(rows, as_format=format)
            return
        # Refused here where one is malformed: a new key does not go in front of it.
        keys.configured().public_keys()
        seed = keys.make_seed()
        public = keys.key_of(seed)
        key_id, text = keys.key_id_of(public), keys.public_text(public)
        if keys.keeps_its_own():
            keys.put_first(seed)
            self.say(
                f"Key {key_id} seals from now on; its public key is {text}.",
                as_format=format,
                key_id=key_id,
                public_key=text,
            )
            return
        value = f"{seed},${keys.SEEDS_VARIABLE}" if keys.are_set() else seed
        self.say(
            f"{keys.SEEDS_VARIABLE}={value}\n"
            f"Set this, with the present value behind the new key, and restart: key {key_id} seals "
            f"from then on. Its public key is {text}.",
            as_format=format,
            key_id=key_id,
            public_key=text,
            variable=keys.SEEDS_VARIABLE,
            value=value,
        )
