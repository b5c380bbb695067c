"""Every CHECK, UNIQUE, EXCLUDE and foreign key of commerce, each taken away in turn.

What there is comes from the catalog, so that nothing is forgotten. The ledger's tables have tests of
their own. Primary keys, walls between tenants and the shape of keys are the isolation tests' matter.
"""

import psycopg
import pytest

from tests.commerce.guards.close import CLOSE
from tests.commerce.guards.examples import BEHIND, EXAMPLES
from tests.commerce.guards.workbench import Workbench


class TestCatalog:
    def test_every_guard_has_an_example_and_every_example_a_guard(
        self, workbench: Workbench
    ) -> None:
        found = set(workbench.guards())

        assert found - EXAMPLES.keys() == set()
        assert EXAMPLES.keys() - found == set()
        assert all(EXAMPLES.values())

    def test_every_table_is_looked_at(self, workbench: Workbench) -> None:
        """A copy is a copy of something: no table is empty."""
        empty = [table for table in workbench.columns if not workbench.count(table)]

        assert empty == []


class TestConstraints:
    def test_each_refuses_its_examples_under_its_name(self, workbench: Workbench) -> None:
        wrong = []
        for key, guard in workbench.guards().items():
            for example in EXAMPLES.get(key, []):
                refused_by = workbench.refusal(example)
                if refused_by != guard.name:
                    wrong.append(f"{key}: {refused_by or 'nothing'} refuses {example}")

        assert wrong == [], "\n".join(wrong)

    def test_what_only_comes_close_passes(self, workbench: Workbench) -> None:
        refused = [f"{said} refuses {each}" for each in CLOSE if (said := workbench.refusal(each))]

        assert refused == [], "\n".join(refused)

    def test_each_is_missed(self, workbench: Workbench) -> None:
        """Without it the same passes, but where another is known to stand behind it."""
        survivors = []
        for key, guard in workbench.guards().items():
            with workbench.without(guard.drop):
                for example in EXAMPLES.get(key, []):
                    refused_by = workbench.refusal(example)
                    if refused_by != BEHIND.get(key, ""):
                        survivors.append(f"{key}: without it, {refused_by} refuses {example}")

        assert survivors == [], "\n".join(survivors)

    @pytest.mark.parametrize("key", BEHIND)
    def test_nothing_stands_behind_what_stands_behind(self, workbench: Workbench, key: str) -> None:
        guards = workbench.guards()

        with workbench.without(guards[key].drop, guards[BEHIND[key]].drop):
            assert [workbench.refusal(example) for example in EXAMPLES[key]] == [
                "" for _ in EXAMPLES[key]
            ]

    def test_a_key_that_another_stands_on_can_not_go_alone(self, workbench: Workbench) -> None:
        keys = workbench.keys_stood_on()

        assert [key.name for key in keys] == [
            "refunds_cumulative_key",
            "stock_reservations_key",
            "stock_resolutions_key",
        ]
        for key in keys:
            with (
                pytest.raises(psycopg.errors.DependentObjectsStillExist),
                workbench.without(key.drop),
            ):
                pass
