"""Lines of limits say which models a period allows: those that allow only some get a line that says so."""

from django.db import migrations, models
from django.utils import timezone

_SAID = "As it stood when models were written down."
_BATCH = 1000


def fill(apps, schema_editor):
    """Write a line for each period with a list of models: a line of before says nothing of them, which reads as all."""
    periods, entries = (apps.get_model("billing", name).objects for name in ("Period", "LimitsEntry"))
    now, lines = timezone.now(), []
    for period in periods.filter(models_allowed__isnull=False).order_by("pk").iterator(chunk_size=_BATCH):
        says = {limit: _base(period, limit) for limit in ("spend", "videos", "seconds")}
        lines.append(entries.model(period=period, models_allowed=period.models_allowed, at=now, reason=_SAID, **says))
        if len(lines) == _BATCH:
            entries.bulk_create(lines)
            lines = []
    entries.bulk_create(lines)


def _base(period, limit):
    target = getattr(period, f"{limit}_target")
    return None if target is None else target - getattr(period, f"{limit}_granted")


class Migration(migrations.Migration):

    dependencies = [
        ('billing', '0010_grants_that_end_are_looked_for'),
    ]

    operations = [
        migrations.AddField(
            model_name='limitsentry',
            name='models_allowed',
            field=models.JSONField(blank=True, help_text='Ids of the models; empty: all.', null=True),
        ),
        migrations.RunPython(fill, migrations.RunPython.noop),
    ]
