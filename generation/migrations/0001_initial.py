

import django.db.models.deletion
import uuid
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('billing', '0002_plans_and_prices'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='Heartbeat',
            fields=[
                ('name', models.CharField(max_length=30, primary_key=True, serialize=False)),
                ('beat_at', models.DateTimeField(null=True)),
                ('asked_at', models.DateTimeField(null=True)),
            ],
        ),
        migrations.CreateModel(
            name='Gate',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('predictions_at_a_time', models.PositiveIntegerField()),
                ('submissions_a_minute', models.PositiveIntegerField()),
                ('closed_at', models.DateTimeField(blank=True, null=True)),
                ('closed_reason', models.TextField(blank=True)),
            ],
            options={
                'constraints': [models.CheckConstraint(condition=models.Q(('pk', 1)), name='gate_is_one_row')],
            },
        ),
        migrations.CreateModel(
            name='Job',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('token', models.UUIDField(blank=True, help_text='Of the form that made it: sent twice, it makes one job.', null=True)),
                ('request_id', models.CharField(blank=True, max_length=64)),
                ('model', models.CharField(max_length=100)),
                ('prompt', models.TextField()),
                ('parameters', models.JSONField(default=dict)),
                ('warnings', models.JSONField(blank=True, default=list)),
                ('status', models.CharField(choices=[('queued', 'Queued'), ('submitting', 'Submitting'), ('running', 'Running'), ('collecting', 'Collecting'), ('unknown', 'Unknown'), ('succeeded', 'Succeeded'), ('failed', 'Failed'), ('canceled', 'Canceled')], default='queued', max_length=10)),
                ('created_at', models.DateTimeField()),
                ('handed_at', models.DateTimeField(blank=True, help_text='When a worker was told; empty once it came.', null=True)),
                ('lease_until', models.DateTimeField(blank=True, help_text='Until then somebody works on it.', null=True)),
                ('due_at', models.DateTimeField(blank=True, help_text='Not looked at before.', null=True)),
                ('attempts', models.PositiveIntegerField(default=0, help_text='Of what is tried again at the moment.')),
                ('bad_files', models.PositiveIntegerField(default=0, help_text='How often what was fetched was no video.')),
                ('submit_started_at', models.DateTimeField(blank=True, help_text='The fence.', null=True)),
                ('submitted_at', models.DateTimeField(blank=True, null=True)),
                ('expected_seconds', models.FloatField(default=0, help_text='Usual time of its model, as known at submission.')),
                ('late_at', models.DateTimeField(blank=True, null=True)),
                ('collecting_at', models.DateTimeField(blank=True, null=True)),
                ('finished_at', models.DateTimeField(blank=True, null=True)),
                ('prediction_id', models.CharField(blank=True, max_length=64, null=True, unique=True)),
                ('error_code', models.CharField(blank=True, max_length=50)),
                ('error_message', models.TextField(blank=True)),
                ('provider_error', models.TextField(blank=True, help_text="The provider's own words.")),
                ('video', models.FileField(blank=True, max_length=200, upload_to='')),
                ('poster', models.FileField(blank=True, max_length=200, upload_to='')),
                ('width', models.PositiveIntegerField(blank=True, null=True)),
                ('height', models.PositiveIntegerField(blank=True, null=True)),
                ('duration', models.FloatField(blank=True, help_text='Seconds.', null=True)),
                ('has_audio', models.BooleanField(blank=True, null=True)),
                ('size_bytes', models.BigIntegerField(blank=True, null=True)),
                ('sha256', models.CharField(blank=True, max_length=64)),
                ('flags', models.JSONField(blank=True, default=list, help_text='Where what was delivered is not what was wished.')),
                ('api_key', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='billing.apikey')),
                ('hold', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='billing.hold')),
                ('retry_of', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='retries', to='generation.job')),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='jobs', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'ordering': ('-created_at', '-id'),
            },
        ),
        migrations.CreateModel(
            name='JobEvent',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('at', models.DateTimeField()),
                ('from_status', models.CharField(blank=True, choices=[('queued', 'Queued'), ('submitting', 'Submitting'), ('running', 'Running'), ('collecting', 'Collecting'), ('unknown', 'Unknown'), ('succeeded', 'Succeeded'), ('failed', 'Failed'), ('canceled', 'Canceled')], max_length=10)),
                ('to_status', models.CharField(choices=[('queued', 'Queued'), ('submitting', 'Submitting'), ('running', 'Running'), ('collecting', 'Collecting'), ('unknown', 'Unknown'), ('succeeded', 'Succeeded'), ('failed', 'Failed'), ('canceled', 'Canceled')], max_length=10)),
                ('actor', models.CharField(max_length=100)),
                ('note', models.TextField(blank=True)),
                ('job', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='events', to='generation.job')),
            ],
            options={
                'ordering': ('pk',),
            },
        ),
        migrations.AddIndex(
            model_name='job',
            index=models.Index(fields=['user', '-created_at', '-id'], name='job_of_user'),
        ),
        migrations.AddIndex(
            model_name='job',
            index=models.Index(condition=models.Q(('status__in', ['succeeded', 'failed', 'canceled']), _negated=True), fields=['status', 'due_at'], name='job_under_way'),
        ),
        migrations.AddIndex(
            model_name='job',
            index=models.Index(fields=['submit_started_at'], name='job_submit_started'),
        ),
        migrations.AddIndex(
            model_name='job',
            index=models.Index(condition=models.Q(('status', 'succeeded')), fields=['model', '-finished_at'], name='job_usual_time'),
        ),
        migrations.AddConstraint(
            model_name='job',
            constraint=models.UniqueConstraint(fields=('user', 'token'), name='job_token_is_used_once'),
        ),
        migrations.AddConstraint(
            model_name='job',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('status', 'succeeded'), _negated=True), models.Q(('finished_at__isnull', False), models.Q(('video', ''), _negated=True)), _connector='OR'), name='job_succeeds_with_a_video'),
        ),
    ]
