

import billing.models
import django.contrib.auth.validators
import django.db.models.deletion
import django.db.models.expressions
import django.utils.timezone
import uuid
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('auth', '0012_alter_user_first_name_max_length'),
    ]

    operations = [
        migrations.CreateModel(
            name='Period',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('starts_at', models.DateTimeField()),
                ('ends_at', models.DateTimeField()),
                ('spend_limit', models.BigIntegerField(blank=True, help_text='Micro-dollars a period; empty: unlimited, 0: none.', null=True)),
                ('spend_spent', models.BigIntegerField(default=0)),
                ('spend_held', models.BigIntegerField(default=0)),
                ('videos_limit', models.BigIntegerField(blank=True, help_text='Videos a period; empty: unlimited, 0: none.', null=True)),
                ('videos_spent', models.BigIntegerField(default=0)),
                ('videos_held', models.BigIntegerField(default=0)),
                ('seconds_limit', models.BigIntegerField(blank=True, help_text='Seconds of video a period; empty: unlimited, 0: none.', null=True)),
                ('seconds_spent', models.BigIntegerField(default=0)),
                ('seconds_held', models.BigIntegerField(default=0)),
            ],
            options={
                'ordering': ('-starts_at',),
            },
        ),
        migrations.CreateModel(
            name='User',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('password', models.CharField(max_length=128, verbose_name='password')),
                ('last_login', models.DateTimeField(blank=True, null=True, verbose_name='last login')),
                ('is_superuser', models.BooleanField(default=False, help_text='Designates that this user has all permissions without explicitly assigning them.', verbose_name='superuser status')),
                ('username', models.CharField(error_messages={'unique': 'A user with that username already exists.'}, help_text='Required. 150 characters or fewer. Letters, digits and @/./+/-/_ only.', max_length=150, unique=True, validators=[django.contrib.auth.validators.UnicodeUsernameValidator()], verbose_name='username')),
                ('first_name', models.CharField(blank=True, max_length=150, verbose_name='first name')),
                ('last_name', models.CharField(blank=True, max_length=150, verbose_name='last name')),
                ('is_staff', models.BooleanField(default=False, help_text='Designates whether the user can log into this admin site.', verbose_name='staff status')),
                ('is_active', models.BooleanField(default=True, help_text='Designates whether this user should be treated as active. Unselect this instead of deleting accounts.', verbose_name='active')),
                ('date_joined', models.DateTimeField(default=django.utils.timezone.now, verbose_name='date joined')),
                ('email', billing.models.LowerCaseEmailField(max_length=254, unique=True, verbose_name='email address')),
                ('groups', models.ManyToManyField(blank=True, help_text='The groups this user belongs to. A user will get all permissions granted to each of their groups.', related_name='user_set', related_query_name='user', to='auth.group', verbose_name='groups')),
                ('user_permissions', models.ManyToManyField(blank=True, help_text='Specific permissions for this user.', related_name='user_set', related_query_name='user', to='auth.permission', verbose_name='user permissions')),
            ],
            options={
                'verbose_name': 'user',
                'verbose_name_plural': 'users',
                'abstract': False,
            },
            managers=[
                ('objects', billing.models.UserManager()),
            ],
        ),
        migrations.CreateModel(
            name='ApiKey',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('name', models.CharField(max_length=100)),
                ('prefix', models.CharField(help_text='The first characters of the key, to tell it by.', max_length=16)),
                ('digest', models.CharField(editable=False, max_length=64, unique=True)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('expires_at', models.DateTimeField(blank=True, null=True)),
                ('revoked_at', models.DateTimeField(blank=True, null=True)),
                ('last_used_at', models.DateTimeField(blank=True, null=True)),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='api_keys', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'verbose_name': 'API key',
                'ordering': ('-created_at',),
            },
        ),
        migrations.CreateModel(
            name='Plan',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('slug', models.SlugField(unique=True)),
                ('name', models.CharField(max_length=50)),
                ('monthly_price', models.BigIntegerField(default=0, help_text='Micro-dollars a month; nothing is collected.')),
                ('spend_limit', models.BigIntegerField(blank=True, help_text='Micro-dollars a period; empty: unlimited, 0: none.', null=True)),
                ('videos_limit', models.BigIntegerField(blank=True, help_text='Videos a period; empty: unlimited, 0: none.', null=True)),
                ('seconds_limit', models.BigIntegerField(blank=True, help_text='Seconds of video a period; empty: unlimited, 0: none.', null=True)),
                ('models_allowed', models.JSONField(blank=True, help_text='Ids of the models; empty: all.', null=True)),
                ('jobs_at_a_time', models.PositiveIntegerField(default=1, help_text='Orders the queue and refuses nobody.')),
                ('order', models.PositiveIntegerField(default=0)),
            ],
            options={
                'ordering': ('order',),
                'constraints': [models.CheckConstraint(condition=models.Q(('spend_limit__isnull', True), ('spend_limit__gte', 0), _connector='OR'), name='plan_spend_limit_is_not_negative'), models.CheckConstraint(condition=models.Q(('videos_limit__isnull', True), ('videos_limit__gte', 0), _connector='OR'), name='plan_videos_limit_is_not_negative'), models.CheckConstraint(condition=models.Q(('seconds_limit__isnull', True), ('seconds_limit__gte', 0), _connector='OR'), name='plan_seconds_limit_is_not_negative'), models.CheckConstraint(condition=models.Q(('jobs_at_a_time__gte', 1)), name='plan_has_a_place')],
            },
        ),
        migrations.CreateModel(
            name='Price',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('model', models.CharField(help_text='Full id, such as lightricks/ltx-2-pro/text-to-video.', max_length=100)),
                ('variant', models.CharField(blank=True, help_text='Such as 480p; empty where a model has one price.', max_length=30)),
                ('micros_per_second', models.BigIntegerField(help_text='Micro-dollars: $0.06 is 60,000.')),
                ('starts_at', models.DateTimeField()),
            ],
            options={
                'ordering': ('model', 'variant', '-starts_at'),
                'constraints': [models.UniqueConstraint(fields=('model', 'variant', 'starts_at'), name='price_starts_once'), models.CheckConstraint(condition=models.Q(('micros_per_second__gt', 0)), name='price_is_positive')],
            },
        ),
        migrations.CreateModel(
            name='Hold',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('reference', models.UUIDField(help_text='What it is for: the id of a job.', unique=True)),
                ('state', models.CharField(choices=[('held', 'Held'), ('settled', 'Settled'), ('released', 'Released')], default='held', max_length=10)),
                ('spend', models.BigIntegerField(help_text='Micro-dollars.')),
                ('videos', models.BigIntegerField()),
                ('seconds', models.BigIntegerField()),
                ('created_at', models.DateTimeField()),
                ('resolved_at', models.DateTimeField(null=True)),
                ('period', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='holds', to='billing.period')),
                ('price', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='billing.price')),
            ],
        ),
        migrations.CreateModel(
            name='Subscription',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('anchor', models.DateTimeField(help_text='Months are counted from here.')),
                ('plan', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='subscriptions', to='billing.plan')),
                ('user', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name='subscription', to=settings.AUTH_USER_MODEL)),
            ],
        ),
        migrations.AddField(
            model_name='period',
            name='subscription',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='periods', to='billing.subscription'),
        ),
        migrations.CreateModel(
            name='LedgerEntry',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('reference', models.UUIDField(db_index=True)),
                ('kind', models.CharField(choices=[('hold', 'Hold'), ('settle', 'Settle'), ('release', 'Release')], max_length=10)),
                ('spend', models.BigIntegerField(help_text='Micro-dollars.')),
                ('videos', models.BigIntegerField()),
                ('seconds', models.BigIntegerField()),
                ('actor', models.CharField(max_length=100)),
                ('request_id', models.CharField(blank=True, max_length=64)),
                ('at', models.DateTimeField()),
                ('hold', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='entries', to='billing.hold')),
                ('period', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='entries', to='billing.period')),
                ('price', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='billing.price')),
            ],
            options={
                'verbose_name_plural': 'ledger entries',
                'ordering': ('-pk',),
                'constraints': [models.UniqueConstraint(condition=models.Q(('kind', 'hold')), fields=('hold',), name='hold_is_taken_once'), models.UniqueConstraint(condition=models.Q(('kind__in', ['settle', 'release'])), fields=('hold',), name='hold_is_resolved_once')],
            },
        ),
        migrations.AddIndex(
            model_name='hold',
            index=models.Index(condition=models.Q(('state', 'held')), fields=['created_at'], name='hold_open'),
        ),
        migrations.AddConstraint(
            model_name='hold',
            constraint=models.CheckConstraint(condition=models.Q(('seconds__gt', 0), ('spend__gt', 0), ('videos__gte', 0)), name='hold_holds_something'),
        ),
        migrations.AddConstraint(
            model_name='hold',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('resolved_at__isnull', True), ('state', 'held')), models.Q(('resolved_at__isnull', False), ('state__in', ['settled', 'released'])), _connector='OR'), name='hold_is_resolved_with_a_time'),
        ),
        migrations.AddConstraint(
            model_name='period',
            constraint=models.UniqueConstraint(fields=('subscription', 'starts_at'), name='period_is_opened_once'),
        ),
        migrations.AddConstraint(
            model_name='period',
            constraint=models.CheckConstraint(condition=models.Q(('ends_at__gt', models.F('starts_at'))), name='period_ends_after_it_starts'),
        ),
        migrations.AddConstraint(
            model_name='period',
            constraint=models.CheckConstraint(condition=models.Q(('spend_held__gte', 0), ('spend_spent__gte', 0)), name='period_spend_is_not_negative'),
        ),
        migrations.AddConstraint(
            model_name='period',
            constraint=models.CheckConstraint(condition=models.Q(('videos_held__gte', 0), ('videos_spent__gte', 0)), name='period_videos_is_not_negative'),
        ),
        migrations.AddConstraint(
            model_name='period',
            constraint=models.CheckConstraint(condition=models.Q(('seconds_held__gte', 0), ('seconds_spent__gte', 0)), name='period_seconds_is_not_negative'),
        ),
        migrations.AddConstraint(
            model_name='period',
            constraint=models.CheckConstraint(condition=models.Q(('spend_limit__isnull', True), ('spend_limit__gte', django.db.models.expressions.CombinedExpression(models.F('spend_spent'), '+', models.F('spend_held'))), _connector='OR'), name='period_spend_is_not_oversold'),
        ),
        migrations.AddConstraint(
            model_name='period',
            constraint=models.CheckConstraint(condition=models.Q(('videos_limit__isnull', True), ('videos_limit__gte', django.db.models.expressions.CombinedExpression(models.F('videos_spent'), '+', models.F('videos_held'))), _connector='OR'), name='period_videos_is_not_oversold'),
        ),
        migrations.AddConstraint(
            model_name='period',
            constraint=models.CheckConstraint(condition=models.Q(('seconds_limit__isnull', True), ('seconds_limit__gte', django.db.models.expressions.CombinedExpression(models.F('seconds_spent'), '+', models.F('seconds_held'))), _connector='OR'), name='period_seconds_is_not_oversold'),
        ),
    ]
