from django.db import migrations, models
from django.db.models import F


def keep(apps, schema_editor):
    apps.get_model("generation", "Chore").objects.filter(result="found").update(found=F("report"))


class Migration(migrations.Migration):

    dependencies = [
        ('generation', '0021_watchers_share_the_budget'),
    ]

    operations = [
        migrations.AddField(
            model_name='chore',
            name='found',
            field=models.TextField(blank=True, help_text='The last report of something found; empty once all was looked at and nothing found.', default=''),
            preserve_default=False,
        ),
        migrations.RunPython(keep, migrations.RunPython.noop),
    ]
