"""The keys of seals: where they come from, and their rotation."""

import json
import stat
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from apps.audit import keys
from apps.audit.errors import SealKeyMalformed, SealKeyMissing
from apps.audit.logs import Log
from tests.audit.forgery import add_fans, seal, verify


@pytest.fixture
def own_machine(settings: Any, tmp_path: Path) -> Path:
    """A development machine without a configured key; where its file will be."""
    settings.SEAL_KEYS, settings.EMBEDDED_POSTGRES, settings.VAR = [], True, tmp_path
    return tmp_path / "seal-keys"


@pytest.fixture
def server(settings: Any) -> Any:
    """A machine whose keys are configured, or should be."""
    settings.SEAL_KEYS, settings.EMBEDDED_POSTGRES = [], False
    return settings


def signing_key_id() -> str:
    return keys.key_id_of(keys.configured().signing_key().public_key())


class TestConfiguredKeys:
    def test_the_first_signs_and_all_verify(self, server: Any) -> None:
        server.SEAL_KEYS = seeds = [keys.make_seed() for _ in range(3)]
        server.SEAL_PUBLIC_KEYS = [keys.public_text(keys.key_of(other := keys.make_seed()))]

        assert signing_key_id() == keys.key_id_of(keys.key_of(seeds[0]))
        assert set(keys.configured().public_keys()) == {
            keys.key_id_of(keys.key_of(seed)) for seed in [*seeds, other]
        }

    def test_there_is_none_unless_configured(self, server: Any) -> None:
        server.SEAL_PUBLIC_KEYS = [keys.public_text(keys.key_of(keys.make_seed()))]

        with pytest.raises(SealKeyMissing, match="QUINTET_SEAL_KEYS"):
            keys.configured().signing_key()

    @pytest.mark.parametrize("text", ["x", "A" * 42, "A" * 44, "é" * 43, "AAAA" * 16])
    def test_a_malformed_one_is_named_and_not_shown(self, server: Any, text: str) -> None:
        server.SEAL_KEYS = [keys.make_seed(), text]

        with pytest.raises(SealKeyMalformed, match="Key 2 of QUINTET_SEAL_KEYS") as caught:
            keys.configured().signing_key()
        assert f" {text} " not in caught.value.detail

    def test_a_development_machine_makes_its_own(self, own_machine: Path) -> None:
        first = signing_key_id()

        assert signing_key_id() == first
        assert stat.S_IMODE(own_machine.stat().st_mode) == 0o600


class TestRotateSealKey:
    def test_seals_of_the_old_key_still_verify(self, users_log: Log, own_machine: Path) -> None:
        add_fans(users_log)
        seal(users_log)
        old = signing_key_id()

        call_command("rotate_seal_key")
        add_fans(users_log)
        seal(users_log)

        assert signing_key_id() != old
        with users_log.reading():
            used = list(users_log.seals().in_order().values_list("key_id", flat=True))
        assert used == [old, signing_key_id()]
        assert verify(users_log).state == "verified"
        assert stat.S_IMODE(own_machine.stat().st_mode) == 0o600

    def test_prints_the_value_to_set_and_no_old_key(self, server: Any, capsys: Any) -> None:
        old = keys.make_seed()
        server.SEAL_KEYS = [old]

        call_command("rotate_seal_key", "--format", "json")

        said = capsys.readouterr().out
        answer = json.loads(said)
        assert old not in said
        seed, rest = answer["value"].split(",")
        assert rest == "$QUINTET_SEAL_KEYS"
        assert keys.key_id_of(keys.key_of(seed)) == answer["key_id"]

    def test_prints_the_first_value_where_there_is_none(self, server: Any, capsys: Any) -> None:
        call_command("rotate_seal_key")

        line = capsys.readouterr().out.splitlines()[0]
        server.SEAL_KEYS = [line.removeprefix("QUINTET_SEAL_KEYS=")]
        assert signing_key_id()

    def test_lists_public_keys_alone(self, server: Any, capsys: Any) -> None:
        server.SEAL_KEYS = [keys.make_seed()]

        call_command("rotate_seal_key", "--list", "--format", "json")

        said = capsys.readouterr().out
        assert json.loads(said) == [
            {
                "key_id": signing_key_id(),
                "public_key": keys.public_text(keys.key_of(server.SEAL_KEYS[0])),
            }
        ]
        assert server.SEAL_KEYS[0] not in said

    def test_puts_no_key_before_one_that_can_not_be_read(self, own_machine: Path) -> None:
        own_machine.write_text("not a key")

        with pytest.raises(CommandError, match="Key 1 of the local file seal-keys is not a key"):
            call_command("rotate_seal_key")
        assert own_machine.read_text() == "not a key"
