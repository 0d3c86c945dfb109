"""The rule of limits, said by the database too. Apart from what fills them: PostgreSQL alters no table that it still fills."""

import django.db.models.expressions
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('billing', '0007_limits_follow_one_rule'),
    ]

    operations = [
        migrations.AddConstraint(
            model_name='period',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('spend_limit__isnull', True), ('spend_target__isnull', True)), models.Q(('spend_limit__isnull', False), ('spend_target__isnull', False), ('spend_limit__gte', models.F('spend_target')), models.Q(('spend_limit', models.F('spend_target')), ('spend_limit', django.db.models.expressions.CombinedExpression(models.F('spend_spent'), '+', models.F('spend_held'))), _connector='OR')), _connector='OR'), name='period_spend_is_its_target_or_used'),
        ),
        migrations.AddConstraint(
            model_name='period',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('videos_limit__isnull', True), ('videos_target__isnull', True)), models.Q(('videos_limit__isnull', False), ('videos_target__isnull', False), ('videos_limit__gte', models.F('videos_target')), models.Q(('videos_limit', models.F('videos_target')), ('videos_limit', django.db.models.expressions.CombinedExpression(models.F('videos_spent'), '+', models.F('videos_held'))), _connector='OR')), _connector='OR'), name='period_videos_is_its_target_or_used'),
        ),
        migrations.AddConstraint(
            model_name='period',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('seconds_limit__isnull', True), ('seconds_target__isnull', True)), models.Q(('seconds_limit__isnull', False), ('seconds_target__isnull', False), ('seconds_limit__gte', models.F('seconds_target')), models.Q(('seconds_limit', models.F('seconds_target')), ('seconds_limit', django.db.models.expressions.CombinedExpression(models.F('seconds_spent'), '+', models.F('seconds_held'))), _connector='OR')), _connector='OR'), name='period_seconds_is_its_target_or_used'),
        ),
    ]
