"""Receipts: written for what is sealed, and verified by a program that has no database."""

import base64
import copy
import importlib.util
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any
from uuid import uuid4

import pytest
from django.core.management import CommandError, call_command

from apps.audit import receipts
from apps.audit.errors import EntryNotFound, EntryUnprovable, NotSealedYet
from apps.audit.keys import key_of, make_seed, public_text
from apps.audit.logs import Log
from apps.tenancy import binding
from tests.audit.forgery import add_fans, fill, forge, ids_of, seal
from tests.environment import ROOT

VERIFIER = ROOT / "docs" / "verify_receipt.py"


def trusted(settings: Any) -> str:
    return public_text(key_of(settings.SEAL_KEYS[0]))


@pytest.fixture
def check(tmp_path: Path, settings: Any) -> Callable[..., tuple[int, str]]:
    """Return a runner of the verifier: its exit code, and what it says."""

    def run(receipt: Any, *, key: str = "") -> tuple[int, str]:
        file = tmp_path / "receipt.json"
        text = receipt if isinstance(receipt, str) else json.dumps(receipt)
        file.write_text(text, encoding="utf-8", errors="surrogatepass")
        done = subprocess.run(
            [sys.executable, "-I", VERIFIER, file, "--public-key", key or trusted(settings)],
            check=False,
            capture_output=True,
            text=True,
            cwd=tmp_path,
        )
        assert "Traceback" not in done.stderr
        return done.returncode, done.stdout + done.stderr

    return run


@pytest.fixture(scope="module")
def verifier() -> ModuleType:
    """The verifier as a module; what it is run with, `check` runs it with too."""
    spec = importlib.util.spec_from_file_location(VERIFIER.stem, VERIFIER)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def check_here(
    verifier: ModuleType,
    tmp_path: Path,
    settings: Any,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> Callable[..., tuple[int, str]]:
    """Return what `check` is, in this process: for receipts by the hundred."""

    def run(receipt: Any) -> tuple[int, str]:
        file = tmp_path / "receipt.json"
        file.write_text(json.dumps(receipt), encoding="utf-8")
        command = [str(VERIFIER), str(file), "--public-key", trusted(settings)]
        monkeypatch.setattr(sys, "argv", command)
        code = verifier.main()
        said = capsys.readouterr()
        return code, said.out + said.err

    return run


@pytest.fixture
def receipt(users_log: Log) -> dict[str, Any]:
    """The receipt of the fifth of seven entries that have something in every column."""
    fill(users_log, rows=7)
    seal(users_log)
    return receipts.receipt_of(log=users_log, entry_id=ids_of(users_log)[4])


class TestReceiptOf:
    def test_every_entry_has_one_that_verifies(self, users_log: Log, check: Any) -> None:
        fill(users_log, rows=2)
        add_fans(users_log)
        seal(users_log)

        for at, entry_id in enumerate(ids_of(users_log)):
            code, said = check(receipts.receipt_of(log=users_log, entry_id=entry_id))
            assert (code, said.split()[0]) == (0, "verified:")
            assert f"entry {entry_id}" in said
            assert f"leaf {at + 1} of 3 under seal 1 of users" in said

    def test_can_be_asked_for_in_a_block_that_reads(self, users_log: Log) -> None:
        add_fans(users_log)
        seal(users_log)
        (entry_id,) = ids_of(users_log)

        with binding.bind(users_log.tenant):
            assert receipts.receipt_of(log=users_log, entry_id=entry_id)["leaf_index"] == 0

    def test_says_that_an_entry_is_not_sealed_yet(self, users_log: Log) -> None:
        add_fans(users_log)

        with pytest.raises(NotSealedYet, match="not sealed yet"):
            receipts.receipt_of(log=users_log, entry_id=ids_of(users_log)[0])

    def test_says_that_there_is_no_such_entry(self, users_log: Log) -> None:
        with pytest.raises(EntryNotFound):
            receipts.receipt_of(log=users_log, entry_id=uuid4())

    @pytest.mark.parametrize(
        ("statement", "says"),
        [
            ("UPDATE audit_log SET source = 'sql' WHERE id = %(id)s", "was altered"),
            (
                "UPDATE audit_seals SET leaf_hashes = set_byte(leaf_hashes, 0, "
                "get_byte(leaf_hashes, 0) # 1) WHERE tenant_id = %(tenant)s",
                "was altered",
            ),
            (
                "UPDATE audit_seals SET statement = replace(statement, 'users', 'media') "
                "WHERE tenant_id = %(tenant)s",
                "Seal 1 was altered",
            ),
            (
                "UPDATE audit_seals SET entry_ids = substr(entry_ids, 17) "
                "WHERE tenant_id = %(tenant)s",
                "was inserted",
            ),
            (
                "INSERT INTO audit_log SELECT (jsonb_populate_record(e, jsonb_build_object("
                "'occurred_at', occurred_at + interval '1 second'))).* FROM audit_log e "
                "WHERE id = %(id)s",
                "2 entries",
            ),
            ("UPDATE audit_seals SET key_id = 'x' WHERE tenant_id = %(tenant)s", "x is unknown"),
        ],
    )
    def test_is_never_written_for_what_was_altered(
        self, users_log: Log, statement: str, says: str
    ) -> None:
        add_fans(users_log, rows=2)
        seal(users_log)
        first = ids_of(users_log)[0]
        names = {"id": first, "tenant": users_log.tenant.id}

        forge(users_log, statement, names)

        with pytest.raises(EntryUnprovable, match=says):
            receipts.receipt_of(log=users_log, entry_id=first)


class TestVerifyReceipt:
    def test_refuses_every_field_altered(
        self, receipt: dict[str, Any], check: Any, check_here: Any
    ) -> None:
        assert check(receipt) == check_here(receipt)
        assert check_here(receipt)[0] == 0

        changes = list(altered(receipt))

        # 18 of the entry, 3 of the path, 11 of the statement, and the receipt's own.
        assert len(changes) > 45
        for name, changed in changes:
            code, said = check_here(changed)
            assert (name, code) == (name, 1)
            assert said.startswith("not verified: "), name

    def test_refuses_a_key_that_is_not_trusted(self, receipt: dict[str, Any], check: Any) -> None:
        code, said = check(receipt, key=public_text(key_of(make_seed())))

        assert (code, "not among those you trust" in said) == (1, True)

    def test_refuses_a_receipt_that_is_consistent_under_its_own_key(
        self, users_log: Log, check: Any, settings: Any
    ) -> None:
        ours, settings.SEAL_KEYS = settings.SEAL_KEYS, [make_seed()]
        add_fans(users_log)
        seal(users_log)
        forged = receipts.receipt_of(log=users_log, entry_id=ids_of(users_log)[0])
        own = trusted(settings)
        settings.SEAL_KEYS = ours

        assert check(forged, key=own)[0] == 0
        assert check(forged)[0] == 1

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "nothing",
            "[]",
            "null",
            "{",
            '{"format": 1}',
            "[" * 100_000,
            '{"a": 1, "a": 2}',
            "\ud800",
            '{"entry": NaN}',
        ],
    )
    def test_refuses_what_is_no_receipt(self, text: str, check: Any) -> None:
        code, said = check(text)

        assert (code, said.startswith("not verified: ")) == (1, True)
        assert said.count("\n") == 1

    def test_refuses_every_member_missing_or_of_another_type(
        self, receipt: dict[str, Any], check: Any, check_here: Any
    ) -> None:
        assert check({}) == check_here({})
        for name in receipt:
            lacking = {other: value for other, value in receipt.items() if other != name}
            assert check_here(lacking) == (1, f"not verified: the receipt lacks {name}\n")
            for value in (None, True, 1.5, [1], {"a": 1}):
                assert check_here({**receipt, name: value})[0] == 1

    def test_refuses_a_file_that_is_not_there_and_a_key_that_is_none(self, tmp_path: Path) -> None:
        for file, key in [("missing.json", public_text(key_of(make_seed()))), (VERIFIER, "no key")]:
            done = subprocess.run(
                [sys.executable, VERIFIER, file, "--public-key", key],
                check=False,
                capture_output=True,
                text=True,
                cwd=tmp_path,
            )
            assert done.returncode == 1
            assert done.stderr.startswith("not verified: ")
            assert done.stderr.count("\n") == 1


class TestProveAudit:
    def test_writes_what_the_verifier_takes(
        self, users_log: Log, check: Any, tmp_path: Path, capsys: Any
    ) -> None:
        fill(users_log, rows=3)
        seal(users_log)
        file = tmp_path / "out.json"
        slug = users_log.tenant.slug  # type: ignore[attr-defined]

        call_command(
            "prove_audit", str(ids_of(users_log)[1]), "--tenant", slug, "--output", str(file)
        )

        assert f"(users of {slug}) is in {file}" in capsys.readouterr().out
        assert check(file.read_text(encoding="utf-8"))[0] == 0

    @pytest.mark.usefixtures("nobody_else", "rival")
    def test_prints_it_unless_told_where(self, users_log: Log, check: Any, capsys: Any) -> None:
        # Whose it is, it has to find out: the rival came first.
        add_fans(users_log)
        seal(users_log)

        call_command("prove_audit", str(ids_of(users_log)[0]))

        assert check(capsys.readouterr().out)[0] == 0

    def test_says_what_it_can_not_do(self, users_log: Log, tmp_path: Path) -> None:
        slug = users_log.tenant.slug  # type: ignore[attr-defined]
        add_fans(users_log)
        (entry_id,) = ids_of(users_log)

        with pytest.raises(CommandError, match="not sealed yet"):
            call_command("prove_audit", str(entry_id), "--tenant", slug)
        with pytest.raises(CommandError, match=r"There is no entry .* in the 7 logs"):
            call_command("prove_audit", str(uuid4()), "--tenant", slug)
        seal(users_log)
        with pytest.raises(CommandError, match="can't be written"):
            call_command("prove_audit", str(entry_id), "--tenant", slug, "--output", str(tmp_path))


def altered(receipt: dict[str, Any]) -> Any:
    """Yield the receipt once for each of its fields, with that field alone changed."""
    for name, value in receipt["entry"].items():
        yield (
            f"entry.{name}",
            _with(receipt, ["entry", name], "x" if value is None else _turned(value)),
        )
        yield f"no entry.{name}", _with(receipt, ["entry", name], None)
    for at, value in enumerate(receipt["audit_path"]):
        yield f"audit_path.{at}", _with(receipt, ["audit_path", at], _turned(value))
        yield f"AUDIT_PATH.{at}", _with(receipt, ["audit_path", at], value.upper())
    yield "shorter", {**receipt, "audit_path": receipt["audit_path"][1:]}
    yield "longer", {**receipt, "audit_path": [*receipt["audit_path"], "0" * 64]}
    for name, value in json.loads(receipt["statement"]).items():
        turned = receipt["statement"].replace(f'"{name}":"{value}"', f'"{name}":"{_turned(value)}"')
        yield f"statement.{name}", {**receipt, "statement": turned}
    yield "blank", {**receipt, "statement": receipt["statement"] + " "}
    for name in ("signature", "public_key", "key_id", "format"):
        yield name, {**receipt, name: _turned(receipt[name])}
        yield f"end of {name}", {**receipt, name: _respelled(receipt[name])}
    for name in ("leaf_index", "tree_size"):
        for step in (-1, 1):
            yield name, {**receipt, name: receipt[name] + step}
    yield "negative", {**receipt, "leaf_index": -1}
    yield "more", {**receipt, "more": ""}
    other = public_text(key_of(base64.b64encode(b"7" * 32).decode()))
    yield "another key", {**receipt, "public_key": other}


def _with(receipt: dict[str, Any], path: list[Any], value: Any) -> dict[str, Any]:
    changed = copy.deepcopy(receipt)
    inner, last = changed[path[0]], path[1]
    # A null is as it was.
    inner[last] = value if inner[last] != value else "x"
    return changed


def _turned(text: str) -> str:
    """Another text: its first character is the next one, of its kind."""
    first = {"9": "0", "z": "a", "f": "0"}.get(text[0], chr(ord(text[0]) + 1))
    return first + text[1:]


def _respelled(text: str) -> str:
    """For base64: other characters for the same bytes, the bits that are not used being set."""
    body = text.rstrip("=")
    return body[:-1] + chr(ord(body[-1]) + 1) + text[len(body) :]
