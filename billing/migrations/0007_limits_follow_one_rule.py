"""Each limit of a period has a target beside it, and lines that say what it is before grants."""

import django.db.models.deletion
from django.db import migrations, models
from django.db.models import F
from django.db.models.functions import Greatest
from django.utils import timezone

_LIMITS = ("spend", "videos", "seconds")
_SAID = "As it stood when targets were written down."
_BATCH = 1000


def fill(apps, schema_editor):
    """Take what holds for what is meant to; where an override stopped a period, it is the override that is meant."""
    periods = apps.get_model("billing", "Period").objects
    periods.update(**{f"{limit}_target": F(f"{limit}_limit") for limit in _LIMITS})
    now = timezone.now()
    own = apps.get_model("billing", "Override").objects.filter(limit__in=_LIMITS, value__isnull=False)
    for override in own.iterator(chunk_size=_BATCH):
        _follow(periods.filter(subscription=override.subscription_id, ends_at__gt=now), override.limit, override.value)
    entries, lines = apps.get_model("billing", "LimitsEntry").objects, []
    for period in periods.order_by("pk").iterator(chunk_size=_BATCH):
        lines.append(entries.model(period=period, at=now, reason=_SAID, **{one: _base(period, one) for one in _LIMITS}))
        if len(lines) == _BATCH:
            entries.bulk_create(lines)
            lines = []
    entries.bulk_create(lines)


def _follow(periods, limit, value):
    """Let the open period follow the rule: its override and what is granted, but not less than is used."""
    target, used = value + F(f"{limit}_granted"), F(f"{limit}_spent") + F(f"{limit}_held")
    periods.update(**{f"{limit}_target": target, f"{limit}_limit": Greatest(target, used)})


def _base(period, limit):
    target = getattr(period, f"{limit}_target")
    return None if target is None else target - getattr(period, f"{limit}_granted")


class Migration(migrations.Migration):

    dependencies = [
        ('billing', '0006_plans_have_a_priority'),
    ]

    operations = [
        migrations.CreateModel(
            name='LimitsEntry',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('spend', models.BigIntegerField(blank=True, help_text='Micro-dollars a period; empty: unlimited, 0: none.', null=True)),
                ('videos', models.BigIntegerField(blank=True, help_text='Videos a period; empty: unlimited, 0: none.', null=True)),
                ('seconds', models.BigIntegerField(blank=True, help_text='Seconds of video a period; empty: unlimited, 0: none.', null=True)),
                ('actor', models.CharField(blank=True, max_length=100)),
                ('at', models.DateTimeField()),
                ('reason', models.CharField(max_length=300)),
                ('period', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='limits_entries', to='billing.period')),
            ],
            options={
                'verbose_name_plural': 'limits entries',
                'ordering': ('-pk',),
            },
        ),
        migrations.AddField(
            model_name='period',
            name='seconds_target',
            field=models.BigIntegerField(blank=True, help_text='Seconds of video a period; empty: unlimited, 0: none.', null=True),
        ),
        migrations.AddField(
            model_name='period',
            name='spend_target',
            field=models.BigIntegerField(blank=True, help_text='Micro-dollars a period; empty: unlimited, 0: none.', null=True),
        ),
        migrations.AddField(
            model_name='period',
            name='videos_target',
            field=models.BigIntegerField(blank=True, help_text='Videos a period; empty: unlimited, 0: none.', null=True),
        ),
        migrations.RunPython(fill, migrations.RunPython.noop),
    ]
