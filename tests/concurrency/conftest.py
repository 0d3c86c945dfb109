from collections.abc import Iterator

import pytest
from django.db import connection

from billing.models import Period
from billing.money import LIMITS


@pytest.fixture
def unchecked(transactional_db: None) -> Iterator[None]:
    """Take the CHECKs against overselling away, which SQLite does by the connection."""
    if connection.vendor != "postgresql":
        yield
        return
    checks = [check for check in Period._meta.constraints if check.name.endswith("_is_not_oversold")]
    assert len(checks) == len(LIMITS)
    with connection.schema_editor() as editor:
        for check in checks:
            editor.remove_constraint(Period, check)
    yield
    Period.objects.update(**{f"{limit}_limit": None for limit in LIMITS})
    with connection.schema_editor() as editor:
        for check in checks:
            editor.add_constraint(Period, check)
