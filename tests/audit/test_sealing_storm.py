"""Many writers and one sealer: every entry is sealed once, and by ids alone some would be lost."""

import random
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID

import pytest
from django.db import connections

from apps.audit import merkle, operations
from apps.audit.logs import Log
from apps.audit.operations import sealing
from apps.tenancy import binding
from apps.tenancy.models import Tenant
from config.databases import APP
from tests.audit.conftest import enter
from tests.audit.forgery import NOW, ids_of, seal, verify

WRITERS = 8
STATEMENTS = 25

INSERT = """
INSERT INTO profiles (tenant_id, id, profile_type, keycloak_id, display_name, first_name, last_name,
    bio, company_name, title, status, field_privacy, display_weight, meta_data, is_deleted, store_code,
    created_on, updated_at)
SELECT %s, gen_random_uuid(), 'FAN', gen_random_uuid(), 'Fan ' || n, '', '', '', '', '', 'ACTIVE',
    '{}', 0, '{}', false, '', now(), now()
FROM generate_series(1, %s) n
"""


def write(tenant: Tenant, rows: int) -> None:
    """Write as one of the writers; each transaction stays open a moment, so that they overlap."""
    try:
        for _ in range(STATEMENTS):
            with binding.bind(tenant, writes="users"):
                with connections["users"].cursor() as cursor:
                    cursor.execute(INSERT, [tenant.id, rows])
                time.sleep(random.random() / 20)
    finally:
        connections.close_all()


def beyond(log: Log, last: UUID) -> list[UUID]:
    """What a reader takes that asks for all ids greater than the last it saw."""
    with log.reading():
        return list(log.entries().filter(id__gt=last).order_by("id").values_list("id", flat=True))


class TestStorm:
    # Seals of another size than the statements, so that runs are cut as well.
    @pytest.mark.parametrize(
        ("number", "seal_size"),
        [pytest.param(10_000, 701), pytest.param(100_000, 7_001, marks=pytest.mark.storm)],
    )
    def test_every_entry_is_sealed_once(
        self, tenant: Tenant, monkeypatch: pytest.MonkeyPatch, number: int, seal_size: int
    ) -> None:
        monkeypatch.setattr(sealing, "ENTRIES_PER_SEAL", seal_size)
        rows = number // (WRITERS * STATEMENTS)
        log = Log("users", tenant)
        with ThreadPoolExecutor(WRITERS) as pool:
            writing = [pool.submit(write, tenant, rows) for _ in range(WRITERS)]
            while not all(each.done() for each in writing):
                operations.seal_log(log=log, sealed_at=NOW)
        for each in writing:
            each.result()
        seal(log)

        with log.reading():
            proofs = list(log.seals().in_order().values_list("entry_ids", flat=True))
        sealed = [each for proof in proofs for each in merkle.split(bytes(proof), 16)]
        written = [each.bytes for each in ids_of(log)]
        assert len(written) == number
        assert sorted(sealed) == sorted(written)
        assert len(proofs) > 10
        assert verify(log).state == "verified"

    def test_reading_beyond_the_last_id_loses_what_commits_late(
        self, tenant: Tenant, connect: Any
    ) -> None:
        log = Log("users", tenant)
        slow, quick = connect(APP), connect(APP)
        for connection in (slow, quick):
            enter(connection, tenant)
        slow.execute(INSERT, [tenant.id, 1])
        time.sleep(0.01)
        quick.execute(INSERT, [tenant.id, 1])
        quick.commit()

        naive = beyond(log, UUID(int=0))
        operations.seal_log(log=log, sealed_at=NOW)
        slow.commit()
        naive += beyond(log, naive[-1])
        seal(log)

        # The entry that was written first has the smaller id, and was there last.
        assert len(ids_of(log)) == 2
        assert len(naive) == 1
        assert verify(log).entries == 2
