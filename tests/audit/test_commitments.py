"""What is personal stands in the log as a commitment that only its subject's salt can open."""

import hashlib
import json
from collections.abc import Callable
from typing import Any
from uuid import UUID

import psycopg
import pytest
from django.db import connections
from django.utils import timezone

from apps.audit.models import AuditEntry, AuditSalt
from apps.kernel.ids import uuid7
from apps.tenancy import binding
from apps.tenancy.models import Account, Invitation, SigningKey, Tenant
from apps.tenancy.models.audited import PLATFORM_ID
from apps.users.models import Preferences, Profile, ProfileImage, ReferralCode
from config.databases import APP
from tests.audit.conftest import enter
from tests.factories import CelebrityFactory

LogOf = Callable[..., list[AuditEntry]]
PERSONAL = {
    "display_name": "Wilhelmina Secret",
    "first_name": "Wilhelmina",
    "last_name": "Secret",
    "bio": 'Born in "Zürich"\n\\ and never told.',
    "company_name": "Secret & Sons",
    "title": "Countess",
    "store_code": "W-S-77",
    "meta_data": {"shoe size": 41.5, "cats": ["Mitzi", None]},
}


@pytest.fixture
def star(tenant_in_home: Tenant) -> Profile:
    with binding.bind(tenant_in_home, writes="users"):
        return CelebrityFactory(**PERSONAL)


def update(tenant: Tenant, profile: Profile, **values: Any) -> None:
    with binding.bind(tenant, writes="users"):
        Profile.objects.filter(id=profile.id).update(**values)


def salt_of(tenant: Tenant, subject: UUID) -> bytes:
    with binding.bind(tenant):
        return bytes(AuditSalt.objects.using("users").get(id=subject).salt)


def forget(tenant: Tenant, subject: UUID) -> None:
    with binding.bind(tenant, writes="users"):
        AuditSalt.objects.using("users").filter(id=subject).delete()


def commit(connection: Any, *, salt: bytes, column: str, value: Any) -> dict[str, str]:
    """What the log must say, recomputed; the value's text is PostgreSQL's own form of JSON."""
    text = connection.execute("SELECT %s::jsonb::text", [json.dumps(value)]).fetchone()[0]
    return {"commitment": hashlib.sha256(salt + f"{column}:{text}".encode()).hexdigest()}


class TestPersonalColumns:
    def test_are_never_in_the_log_in_clear(
        self, connect: Any, tenant_in_home: Tenant, star: Profile
    ) -> None:
        update(tenant_in_home, star, bio="Another secret", meta_data={"cats": ["Mitzi", "Tom"]})
        with binding.bind(tenant_in_home, writes="users"):
            ProfileImage.objects.create(
                profile=star, image_type="PROFILE", url="https://x.test/secret.png"
            )
            Preferences.objects.create(profile=star, preferences={"likes": "secret things"})
            Preferences.objects.filter(profile=star).delete()
            ProfileImage.objects.filter(profile=star).delete()
        connection = connect()
        rows = connection.execute(
            f"SELECT l::text FROM {tenant_in_home.schema_name}.audit_log l WHERE tenant_id = %s",
            [tenant_in_home.id],
        ).fetchall()
        log = "\n".join(text for (text,) in rows).lower()

        assert len(rows) == 6
        for secret in ("secret", "wilhelmina", "countess", "rich", "mitzi", "w-s-77", "41.5"):
            assert secret not in log
        assert str(star.keycloak_id) not in log
        # The search itself finds what is there.
        assert "celebrity" in log

    def test_open_with_the_salt_of_the_subject(
        self, raw: psycopg.Connection, tenant_in_home: Tenant, star: Profile, log_of: LogOf
    ) -> None:
        update(tenant_in_home, star, title="Duchess", bio="")
        salt = salt_of(tenant_in_home, star.id)

        added, changed = log_of(tenant_in_home, entity_type="profiles")

        assert len(salt) == 32
        for column, value in {**PERSONAL, "keycloak_id": str(star.keycloak_id)}.items():
            assert added.new_values[column] == commit(raw, salt=salt, column=column, value=value)
        assert changed.old_values["title"] == added.new_values["title"]
        assert changed.new_values == {
            "title": commit(raw, salt=salt, column="title", value="Duchess"),
            "bio": "",
        }

    def test_of_many_rows_open_as_those_of_one(
        self, raw: psycopg.Connection, tenant_in_home: Tenant, log_of: LogOf
    ) -> None:
        with binding.bind(tenant_in_home, writes="users"):
            stars = Profile.objects.bulk_create(CelebrityFactory.build_batch(150, title="Count"))
            Profile.objects.update(title="Duke")

        updates = {entry.entity_id: entry for entry in log_of(tenant_in_home, action="UPDATE")}
        for star in stars[::10]:
            salt = salt_of(tenant_in_home, star.id)
            entry = updates[str(star.id)]
            assert entry.old_values == {
                "title": commit(raw, salt=salt, column="title", value="Count")
            }
            assert entry.new_values == {
                "title": commit(raw, salt=salt, column="title", value="Duke")
            }

    def test_tell_nobody_apart_who_has_the_same_value(
        self, tenant_in_home: Tenant, log_of: LogOf
    ) -> None:
        with binding.bind(tenant_in_home, writes="users"):
            one, another = CelebrityFactory(title="Count"), CelebrityFactory(title="Count")
        for title in ("Duke", "Count"):
            update(tenant_in_home, one, title=title)

        first, second, away, back = log_of(tenant_in_home, entity_type="profiles")

        assert first.new_values["title"] != second.new_values["title"]
        assert first.new_values["title"] == away.old_values["title"] == back.new_values["title"]
        assert {first.entity_id, second.entity_id} == {str(one.id), str(another.id)}

    @pytest.mark.parametrize("count", [1, 150], ids=["few", "many"])
    def test_get_a_new_salt_where_theirs_was_deleted(
        self, tenant_in_home: Tenant, log_of: LogOf, count: int
    ) -> None:
        with binding.bind(tenant_in_home, writes="users"):
            stars = Profile.objects.bulk_create(CelebrityFactory.build_batch(count, title="Count"))
        star = stars[0]
        before = salt_of(tenant_in_home, star.id)
        forget(tenant_in_home, star.id)

        with binding.bind(tenant_in_home, writes="users"):
            Profile.objects.update(title="Duke")

        after = salt_of(tenant_in_home, star.id)
        added, changed = log_of(tenant_in_home, entity_id=str(star.id))
        assert after != before
        assert changed.old_values["title"] != added.new_values["title"]

    def test_get_no_salt_again_while_nothing_personal_changes(
        self, tenant_in_home: Tenant, star: Profile
    ) -> None:
        forget(tenant_in_home, star.id)

        update(tenant_in_home, star, display_weight=9)

        with binding.bind(tenant_in_home):
            assert not AuditSalt.objects.using("users").filter(id=star.id).exists()

    def test_of_one_subject_share_a_salt_across_tables_and_statements(
        self, connect: Any, tenant_in_home: Tenant
    ) -> None:
        with binding.bind(tenant_in_home, writes="users"):
            star = CelebrityFactory()
            ProfileImage.objects.bulk_create(
                ProfileImage(profile=star, image_type="PROFILE", url=f"https://x.test/{n}")
                for n in range(3)
            )

        connection = connect(APP)
        enter(connection, tenant_in_home)
        salts = connection.execute("SELECT subject_id FROM audit_salts").fetchall()
        assert salts == [(star.id,)]

    @pytest.mark.parametrize("rows", [1, 150], ids=["few", "many"])
    def test_of_what_was_somebody_elses_open_with_their_salt(
        self, raw: psycopg.Connection, tenant_in_home: Tenant, log_of: LogOf, rows: int
    ) -> None:
        with binding.bind(tenant_in_home, writes="users"):
            ada, bea = CelebrityFactory.create_batch(2)
            codes = [ReferralCode(profile=ada, code=f"ADA{n}", note="Ada's") for n in range(rows)]
            ReferralCode.objects.bulk_create(codes)

        raw.execute("UPDATE referral_codes SET profile_id = %s, note = 'Bea''s'", [bea.id])
        raw.commit()

        changes = log_of(tenant_in_home, entity_type="referral_codes", action="UPDATE")
        assert len(changes) == rows
        enter(raw, tenant_in_home)
        for values, whose, note in (
            (changes[0].old_values, ada, "Ada's"),
            (changes[0].new_values, bea, "Bea's"),
        ):
            salt = salt_of(tenant_in_home, whose.id)
            assert values["note"] == commit(raw, salt=salt, column="note", value=note)

    def test_two_transactions_at_once_agree_on_one_salt(
        self, connect: Any, tenant_in_home: Tenant, star: Profile, log_of: LogOf
    ) -> None:
        forget(tenant_in_home, star.id)
        insert = (
            "INSERT INTO profile_images (id, profile_id, image_type, url, created_on) "
            "VALUES (extensions.uuid7(), %s, 'PROFILE', 'https://x.test/', now())"
        )
        first, second = connect(APP), connect(APP)
        for connection in (first, second):
            enter(connection, tenant_in_home)
        first.execute(insert, [star.id])
        second.pgconn.send_query_params(
            insert.replace("%s", "$1").encode(), [str(star.id).encode()]
        )
        first.commit()
        while result := second.pgconn.get_result():
            assert not result.error_message, result.error_message
        second.commit()

        urls = [
            entry.new_values["url"]
            for entry in log_of(tenant_in_home, entity_type="profile_images")
        ]
        assert len(urls) == 2
        assert urls[0] == urls[1]


class TestRunTimeRole:
    @pytest.mark.parametrize(
        "statement",
        [
            "INSERT INTO audit_salts (subject_id, salt) VALUES (extensions.uuid7(), 'x')",
            "UPDATE audit_salts SET salt = 'x'",
            "SELECT salt_of(extensions.uuid7(), extensions.uuid7())",
        ],
    )
    def test_makes_no_salt_of_its_own(self, raw: psycopg.Connection, statement: str) -> None:
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            raw.execute(statement)

    def test_deletes_salts_of_its_own_tenant_alone(
        self, raw: psycopg.Connection, tenant_in_home: Tenant, make_tenant: Any
    ) -> None:
        other = make_tenant(home=tenant_in_home.schema_name)
        with binding.bind(other, writes="users"):
            star = CelebrityFactory()

        raw.execute("DELETE FROM audit_salts")
        raw.commit()

        assert salt_of(other, star.id)


class TestControlPlane:
    def test_commits_what_is_personal_of_accounts_and_invitations(
        self, tenant: Tenant, connect: Any
    ) -> None:
        mail = f"{uuid7().hex}@people.example"
        account = Account.objects.create_user(mail, "a long password", name="Greta Geheim")
        Invitation.objects.create(
            tenant=tenant,
            email=mail,
            role="viewer",
            invited_by_id=account.id,
            token_hash="ab" * 32,
            expires_at=timezone.now(),
        )
        rows = connect(alias="default").execute(
            "SELECT l::text FROM audit_log l WHERE tenant_id = ANY (%s) "
            "AND entity_type IN ('tenancy_account', 'tenancy_invitation')",
            [[tenant.id, UUID(PLATFORM_ID)]],
        )
        log = "\n".join(text for (text,) in rows.fetchall())

        assert str(account.id) in log
        for secret in (mail, "Geheim", account.password, "ab" * 32):
            assert secret not in log

    def test_keeps_no_salt_of_a_secret(self, connect: Any) -> None:
        salts = "SELECT count(*) FROM audit_salts"
        control = connect(alias="default")
        control.autocommit = True
        before = control.execute(salts).fetchone()

        kid = uuid7().hex
        for value in ("sealed", "sealed"):
            SigningKey.objects.create(kid=kid, sealed_private_key=value, created_at=timezone.now())
            SigningKey.objects.filter(kid=kid).delete()

        assert control.execute(salts).fetchone() == before
        entries = AuditEntry.objects.using("default").filter(
            tenant_id=PLATFORM_ID, entity_type="tenancy_signingkey", entity_id=kid
        )
        seen = [
            (entry.new_values or entry.old_values)["sealed_private_key"]["commitment"]
            for entry in entries
        ]
        # The same secret each time, and nothing shows it.
        assert len(seen) == len(set(seen)) == 4
        assert connections["default"].in_atomic_block is False
