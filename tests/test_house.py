"""Walls of the house that import contracts cannot see."""

import re
from pathlib import Path

import pytest
from django.apps import apps
from django.db.migrations.loader import MigrationLoader

ROOT = Path(__file__).resolve().parent.parent


def test_no_model_of_billing_points_to_generation():
    targets = {
        field.related_model._meta.app_label
        for model in apps.get_app_config("billing").get_models()
        for field in model._meta.get_fields()
        if field.is_relation and not field.auto_created and field.related_model
    }

    assert "billing" in targets
    assert "generation" not in targets


def test_no_migration_of_billing_waits_for_generation():
    migrations = MigrationLoader(None).disk_migrations
    billing = [migration for (label, _), migration in migrations.items() if label == "billing"]

    assert billing
    assert not [m for m in billing for label, _ in [*m.dependencies, *m.run_before] if label == "generation"]


@pytest.mark.parametrize("path", sorted((ROOT / "billing").rglob("*.py")), ids=lambda path: path.name)
def test_billing_does_not_name_generation_in_its_code(path):
    code = re.sub(r'""".*?"""|#.*', "", path.read_text(), flags=re.DOTALL)

    assert "generation." not in code
    assert "get_model(" not in code or "migrations" in path.parts
    assert "GenericForeignKey" not in code


def test_only_billing_s_services_write_the_ledger():
    writers = [
        path.relative_to(ROOT).as_posix()
        for package in ("billing", "config", "generation")
        for path in (ROOT / package).rglob("*.py")
        if re.search(r"LedgerEntry(\.objects\.(create|bulk_create|update)|\()", path.read_text())
    ]

    assert [path for path in writers if not path.startswith("billing/models/")] == ["billing/services/writing.py"]
