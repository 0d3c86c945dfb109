"""What the models beside LTX-2 Pro cost, as WaveSpeed's catalogue and documentation say (August 2026)."""

from datetime import UTC, datetime

from django.db import migrations

# model, variant, micro-dollars a second of video
PRICES = [
    ("lightricks/ltx-2-pro/image-to-video", "", 60_000),
    ("lightricks/ltx-2-fast/text-to-video", "", 40_000),
    ("lightricks/ltx-2-fast/image-to-video", "", 40_000),
    ("lightricks/ltx-2-retake", "", 100_000),
    ("wavespeed-ai/hunyuan-video-1.5/text-to-video", "480p", 20_000),
    ("wavespeed-ai/hunyuan-video-1.5/text-to-video", "720p", 40_000),
    ("wavespeed-ai/hunyuan-video-1.5/image-to-video", "480p", 20_000),
    ("wavespeed-ai/hunyuan-video-1.5/image-to-video", "720p", 40_000),
]


def ship(apps, schema_editor):
    price_model = apps.get_model("billing", "Price")
    for model, variant, micros in PRICES:
        price_model.objects.create(
            model=model, variant=variant, micros_per_second=micros, starts_at=datetime(2026, 1, 1, tzinfo=UTC)
        )


class Migration(migrations.Migration):
    dependencies = [("billing", "0002_plans_and_prices")]
    operations = [migrations.RunPython(ship, migrations.RunPython.noop)]
