from collections.abc import Iterator

import pytest
from django.db import connection
from django.db.models import BaseConstraint, Model

from billing.models import ApiKey, Period
from billing.money import LIMITS


@pytest.fixture
def unchecked(transactional_db: None) -> Iterator[None]:
    """Take the CHECKs against overselling away, which SQLite does by the connection."""
    if connection.vendor != "postgresql":
        yield
        return
    checks = [(model, check) for model in (Period, ApiKey) for check in _against_overselling(model)]
    assert len(checks) == len(LIMITS) + 1
    with connection.schema_editor() as editor:
        for model, check in checks:
            editor.remove_constraint(model, check)
    yield
    Period.objects.update(**{f"{limit}_{column}": None for limit in LIMITS for column in ("limit", "target")})
    ApiKey.objects.update(spend_limit=None)
    with connection.schema_editor() as editor:
        for model, check in checks:
            editor.add_constraint(model, check)


def _against_overselling(model: type[Model]) -> list[BaseConstraint]:
    return [check for check in model._meta.constraints if check.name.endswith("_is_not_oversold")]
