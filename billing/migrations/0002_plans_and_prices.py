"""The plans that are shipped, and what LTX-2 Pro costs: $0.06 a second (WaveSpeed's catalogue, August 2026)."""

from datetime import UTC, datetime

from django.db import migrations

MICROS = 1_000_000

# slug, name, monthly price, spend, videos, jobs at a time; dollars, None: unlimited
PLANS = [
    ("free", "Free", 0, 2, 2, 1),
    ("basic", "Basic", 29, 25, 10, 2),
    ("pro", "Pro", 79, 100, 30, 5),
    ("enterprise", "Enterprise", 199, 500, None, 20),
]
PRICES = [("lightricks/ltx-2-pro/text-to-video", "", 60_000)]


def ship(apps, schema_editor):
    plan_model = apps.get_model("billing", "Plan")
    for order, (slug, name, price, spend, videos, places) in enumerate(PLANS):
        plan_model.objects.create(
            slug=slug,
            name=name,
            monthly_price=price * MICROS,
            spend_limit=spend * MICROS,
            videos_limit=videos,
            jobs_at_a_time=places,
            order=order,
        )
    price_model = apps.get_model("billing", "Price")
    for model, variant, micros in PRICES:
        price_model.objects.create(
            model=model, variant=variant, micros_per_second=micros, starts_at=datetime(2026, 1, 1, tzinfo=UTC)
        )


class Migration(migrations.Migration):
    dependencies = [("billing", "0001_initial")]
    operations = [migrations.RunPython(ship, migrations.RunPython.noop)]
