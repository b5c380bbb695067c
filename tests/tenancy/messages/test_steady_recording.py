"""Recording is as quick in a session that began when the log was empty as in any other."""

import pytest
from django.db import connections

from apps.tenancy import binding
from config.databases import CONTEXTS

SETTINGS = {"enable_seqscan=off", "enable_sort=off", "enable_bitmapscan=off", "jit=off"}


class TestRecordMessages:
    @pytest.mark.parametrize("context", CONTEXTS)
    def test_is_planned_without_regard_to_statistics(self, tenant, context):
        with binding.bind(tenant), connections[context].cursor() as cursor:
            cursor.execute(
                "SELECT proconfig FROM pg_proc WHERE proname = 'record_messages' "
                "AND pronamespace = current_schema()::regnamespace"
            )
            ((settings,),) = cursor.fetchall()

        assert set(settings) >= SETTINGS
