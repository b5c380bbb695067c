"""The repository itself: what must not be in it, and what its documents must say truly."""

import re
import subprocess
from pathlib import Path

import pytest
from django.apps import apps

ROOT = Path(__file__).resolve().parents[2]
# Spelled apart, so that this file does not find itself.
REGISTRIES = [
    "pypi" + ".org",
    "pythonhosted" + ".org",
    "registry" + ".npmjs.org",
    "npmmirror" + ".com",
]
FORBIDDEN_CALLS = ["transaction" + ".on_commit", "delay" + "_on_commit"]


def tracked() -> list[Path]:
    try:
        listed = subprocess.run(
            ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("not a git checkout")
    return [ROOT / name for name in listed.stdout.splitlines() if (ROOT / name).is_file()]


def texts() -> dict[Path, str]:
    found = {}
    for path in tracked():
        try:
            found[path] = path.read_text()
        except UnicodeDecodeError:
            continue
    return found


class TestRepository:
    def test_names_no_package_registry(self) -> None:
        offenders = [
            (path.name, host)
            for path, text in texts().items()
            for host in REGISTRIES
            if host in text
        ]

        assert offenders == []

    def test_names_no_path_of_a_machine(self) -> None:
        pattern = re.compile(r"(/root/|/home/[a-z]+/|/work/)")
        offenders = [
            path.relative_to(ROOT)
            for path, text in texts().items()
            if path != Path(__file__) and pattern.search(text)
        ]

        assert offenders == []

    def test_runs_hooks_through_the_binding(self) -> None:
        offenders = [
            path.relative_to(ROOT)
            for path, text in texts().items()
            if path.suffix == ".py"
            and "apps" in path.parts
            and any(f"{call}(" in text for call in FORBIDDEN_CALLS)
        ]

        assert offenders == []

    def test_keeps_its_files_small(self) -> None:
        long = {
            str(path.relative_to(ROOT)): text.count("\n")
            for path, text in texts().items()
            if path.suffix == ".py"
            and "apps" in path.parts
            and "migrations" not in path.parts
            and text.count("\n") > 400
        }

        assert long == {}

    def test_has_no_drawer_for_odds_and_ends(self) -> None:
        drawers = {"utils.py", "helpers.py", "services.py"}

        assert [path for path in tracked() if path.name in drawers] == []


class TestSchemaDocument:
    """docs/schema.md says where everything of the consolidated schema went."""

    CONSOLIDATED = {
        "profiles": "id keycloak_id profile_type created_on meta_data bio display_name status "
        "display_weight store_code parent_group_id is_approved owner_id",
        "profile_images": "id profile_id image_type url created_on",
        "profile_tags": "profile_id tag_id",
        "fan_follows": "id fan_id celebrity_id followed_on unfollowed_on notifications",
        "profile_status_history": "id profile_id status occurred_on meta_data",
        "tags": "id name description tag_type color thumbnail keywords associated_tags meta_data "
        "created_on created_by_id last_modified_on updated_by_id",
    }

    def test_every_column_is_there_or_explained(self) -> None:
        document = (ROOT / "docs" / "schema.md").read_text()
        explained = set(re.findall(r"^\|\s*`([a-z_.]+)[^`]*`", document, re.MULTILINE))
        built = {
            model._meta.db_table: {field.column for field in model._meta.local_fields}
            for model in apps.get_models()
        }

        unexplained = [
            f"{table}.{column}"
            for table, columns in self.CONSOLIDATED.items()
            for column in columns.split()
            if column not in built.get(table, set())
            and f"{table}.{column}" not in explained
            and table not in explained
        ]

        assert unexplained == []

    def test_every_table_of_a_built_context_carries_the_tenant(self) -> None:
        for model in apps.get_models():
            if model._meta.app_label in {"users", "platform"}:
                assert "tenant_id" in {field.column for field in model._meta.local_fields}
