"""Settings of every process. All of them come from the environment; README.md lists what can be set.

`config.environment` reads them, and says what is wrong with one.

What `make run` was started with (.env.run) wins over .env, and the environment wins over both.
"""

from pathlib import Path
from typing import Any

from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured
from django.http import HttpRequest
from django.urls import reverse_lazy

from config.environment import Environment, is_address, is_loopback, is_origin
from config.logs import configure_logging

BASE_DIR = Path(__file__).resolve().parent.parent

env = Environment()
env.read_files(BASE_DIR)

# --- What must be said before anything starts -------------------------------------------------------------------------

DEBUG = env.boolean("DEBUG", default=False)
SECRET_KEY = env.text("SECRET_KEY")
WAVESPEED_API_KEY = env.text("WAVESPEED_API_KEY")
WAVESPEED_URL = env.text("WAVESPEED_URL")
SANDBOX_PORT = env.whole("SANDBOX_PORT", 8765, least=1, most=65535)
SANDBOX = env.boolean("SANDBOX", default=DEBUG and not WAVESPEED_API_KEY)
if SANDBOX:
    WAVESPEED_API_KEY = WAVESPEED_API_KEY or "sandbox"
    WAVESPEED_URL = WAVESPEED_URL or (f"http://127.0.0.1:{SANDBOX_PORT}" if DEBUG else "")
elif DEBUG:
    WAVESPEED_URL = WAVESPEED_URL or "https://api.wavespeed.ai"
# Where we are reached from outside: links in mails lead here, and the provider calls here when a prediction has ended.
PUBLIC_URL = env.text("PUBLIC_URL").rstrip("/")
WAVESPEED_WEBHOOK_SECRET = env.text("WAVESPEED_WEBHOOK_SECRET")  # empty: it is asked for


def _missing() -> list[str]:
    """Say, a line each, what has to be set before Clapboard may start."""
    lines = []
    if not SECRET_KEY:
        lines.append("SECRET_KEY is empty: set it to at least 50 random characters.")
    elif not DEBUG and (SECRET_KEY.startswith(("insecure", "change-me")) or len(SECRET_KEY) < 50):
        lines.append("SECRET_KEY is the example's or too short: set it to at least 50 random characters.")
    if not WAVESPEED_URL:
        lines.append("WAVESPEED_URL is empty: set it to https://api.wavespeed.ai (or set DEBUG=1 to use the sandbox).")
    elif not is_address(WAVESPEED_URL):
        lines.append(f"WAVESPEED_URL is {WAVESPEED_URL!r}: it must be an http or https address.")
    elif not DEBUG and is_loopback(WAVESPEED_URL) and not SANDBOX:
        lines.append(f"WAVESPEED_URL is {WAVESPEED_URL!r}, this machine: set SANDBOX=1 if the sandbox is meant.")
    if not WAVESPEED_API_KEY:
        lines.append("WAVESPEED_API_KEY is empty: set it to the key of your WaveSpeed account.")
    if PUBLIC_URL and not is_origin(PUBLIC_URL):
        lines.append(f"PUBLIC_URL is {PUBLIC_URL!r}: it must be an origin, such as https://clapboard.example.org.")
    elif PUBLIC_URL.startswith("http:") and not SANDBOX:
        lines.append(f"PUBLIC_URL is {PUBLIC_URL!r}: WaveSpeed calls there, which takes https; or leave it empty.")
    return lines


if _lines := _missing():
    raise ImproperlyConfigured("Clapboard can't start:\n  " + "\n  ".join(_lines))

# --- The application --------------------------------------------------------------------------------------------------

DATA_DIR = env.folder("CLAPBOARD_DATA", BASE_DIR / "var")
PORT = env.whole("PORT", 8000, least=1, most=65535)

ALLOWED_HOSTS = env.texts("ALLOWED_HOSTS", ["127.0.0.1", "localhost", "[::1]"] if DEBUG else [])
CSRF_TRUSTED_ORIGINS = env.texts("CSRF_TRUSTED_ORIGINS", [PUBLIC_URL] if PUBLIC_URL else [])

INSTALLED_APPS = [
    "unfold",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.humanize",
    "django.contrib.messages",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "csp",
    "django_filters",
    "django_htmx",
    "django_q",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "rest_framework",
    "config",
    "billing",
    "generation",
]
MIDDLEWARE = [
    "config.middleware.request_id",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "config.middleware.ContentSecurityPolicy",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "config.middleware.htmx_login_redirect",
    "allauth.account.middleware.AccountMiddleware",
]
ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.debug",
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "generation.web.context.page",
            ],
        },
    },
]

# --- Database, cache, files -------------------------------------------------------------------------------------------

DATABASES = {"default": env.database("DATABASE_URL", f"sqlite:///{DATA_DIR / 'clapboard.sqlite3'}")}
DATABASES["default"] |= {"CONN_MAX_AGE": None, "CONN_HEALTH_CHECKS": True}
if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    # Without WAL and IMMEDIATE two thirds of concurrent writers fail with "database is locked". FULL: a fence that was
    # committed must survive a power cut, or the video would be paid for twice.
    DATABASES["default"]["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",
        "timeout": 30,
        # recursive_triggers: or INSERT OR REPLACE would remove a line of the ledger past the trigger that refuses it.
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA recursive_triggers=ON;",
    }
elif DATABASES["default"]["ENGINE"] == "django.db.backends.postgresql":
    # A connection that says nothing is given up, and who holds a lock and does nothing is ended by the server.
    DATABASES["default"]["OPTIONS"] = {
        "connect_timeout": 10,
        "keepalives": 1,
        "keepalives_idle": 30,
        "keepalives_interval": 10,
        "keepalives_count": 3,
        "tcp_user_timeout": 30_000,  # milliseconds, as below
        "options": "-c idle_in_transaction_session_timeout=120000",
    } | DATABASES["default"].get("OPTIONS", {})
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

CACHES = {"default": env.cache("CACHE_URL", f"filecache://{DATA_DIR / 'cache'}")}
# Two, since a file cache throws entries away at random when it is full, at 300 by default, and a used-up limit with
# them. "default" holds the limits of sign-ups and sign-ins alone, and many of them; each write lists all files, so what
# is written all the time, and may be lost, has a small one of its own.
CACHES["passing"] = dict(CACHES["default"])
if CACHES["default"]["BACKEND"] == "django.core.cache.backends.filebased.FileBasedCache":
    CACHES["passing"]["LOCATION"] = str(Path(CACHES["default"]["LOCATION"]) / "passing")
    CACHES["passing"]["OPTIONS"] = {"MAX_ENTRIES": 1000}
    CACHES["default"]["OPTIONS"] = {"MAX_ENTRIES": 10_000} | CACHES["default"].get("OPTIONS", {})

STATIC_URL = "static/"
STATIC_ROOT = BASE_DIR / "build" / "static"
MEDIA_ROOT = env.folder("MEDIA_ROOT", DATA_DIR / "media")
# What users may send to make videos from. WaveSpeed takes 200 MB at most.
UPLOAD_VIDEO_BYTES = env.whole("UPLOAD_VIDEO_BYTES", 200_000_000, least=1)
UPLOAD_VIDEO_SECONDS = env.number("UPLOAD_VIDEO_SECONDS", 60)
UPLOAD_IMAGE_BYTES = env.whole("UPLOAD_IMAGE_BYTES", 20_000_000, least=1)
UPLOAD_IMAGE_PIXELS = env.whole("UPLOAD_IMAGE_PIXELS", 25_000_000, least=1)
# Beside the media, so that a file that has arrived is taken over by renaming it.
FILE_UPLOAD_TEMP_DIR = str(DATA_DIR / "incoming")
Path(FILE_UPLOAD_TEMP_DIR).mkdir(exist_ok=True)
# Nobody's files are taken but where a view asks for them: see generation.receiving.
FILE_UPLOAD_HANDLERS = ["generation.receiving.NoFiles"]
S3_BUCKET = env.text("S3_BUCKET")
STORAGES = {
    # A collected file may be written again after a crash, always under the name that belongs to its job alone.
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage", "OPTIONS": {"allow_overwrite": True}},
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if DEBUG
        else "whitenoise.storage.CompressedManifestStaticFilesStorage"
    },
}
_MEDIA_ORIGINS: list[str] = []  # beside our own: where the video route redirects to
if S3_BUCKET:
    from boto3.s3.transfer import TransferConfig  # 23 MB in each process, and only where there is a bucket
    from botocore.config import Config  # type: ignore[import-untyped]

    _endpoint = env.address("S3_ENDPOINT_URL")
    _MEDIA_ORIGINS = [_endpoint or "https://*.amazonaws.com"]
    STORAGES["default"] = {
        "BACKEND": "storages.backends.s3.S3Storage",
        "OPTIONS": {
            "bucket_name": S3_BUCKET,
            "endpoint_url": _endpoint or None,
            "region_name": env.text("S3_REGION") or None,
            "file_overwrite": True,
            "querystring_auth": True,
            "querystring_expire": 300,
            "max_memory_size": 1 << 20,  # bytes of a file that is read; the rest waits on disk
            # A bucket that says nothing is away, after a minute and not after five: what waits for it is tried again.
            "client_config": Config(connect_timeout=5, read_timeout=30, retries={"total_max_attempts": 2}),
            # Threads take 117 MB. One PUT is whole or not at all, and leaves no parts behind that are billed.
            "transfer_config": TransferConfig(use_threads=False, multipart_threshold=5 * 1024**3),
        },
    }
WHITENOISE_USE_FINDERS = WHITENOISE_AUTOREFRESH = DEBUG  # no collectstatic while developing

# --- People -----------------------------------------------------------------------------------------------------------

AUTH_USER_MODEL = "billing.User"
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in ("UserAttributeSimilarityValidator", "MinimumLengthValidator", "CommonPasswordValidator")
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "studio"
ACCOUNT_LOGOUT_REDIRECT_URL = "account_login"
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_EMAIL_VERIFICATION = "optional"
# Limits count by IP address; behind proxies it is the one that the outermost of ours has seen.
ALLAUTH_TRUSTED_PROXY_COUNT = env.whole("TRUSTED_PROXIES", 0, most=100)
ACCOUNT_RATE_LIMITS = {"signup": env.signup_rate("SIGNUP_RATE", "20/h/ip")}
ACCOUNT_SIGNUP_FORM_HONEYPOT_FIELD = "website"
ACCOUNT_ADAPTER = "generation.web.accounts.AccountAdapter"
ACCOUNT_USER_DISPLAY = "generation.web.accounts.user_display"
ACCOUNT_CHANGE_EMAIL = True  # one address; a new one counts once it is confirmed
ACCOUNT_EMAIL_NOTIFICATIONS = True  # a changed password or address is told by mail
ACCOUNT_EMAIL_SUBJECT_PREFIX = "[Clapboard] "
ACCOUNT_LOGIN_ON_PASSWORD_RESET = True
MFA_ADAPTER = "generation.web.accounts.MFAAdapter"
MFA_TOTP_ISSUER = "Clapboard"
ACCOUNT_SESSION_REMEMBER = True

SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = not DEBUG
SECURE_REFERRER_POLICY = "same-origin"
if not DEBUG:
    SECURE_SSL_REDIRECT = env.boolean("SECURE_SSL_REDIRECT", default=True)
    SECURE_HSTS_SECONDS = env.whole("SECURE_HSTS_SECONDS", 3600)
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$"]
# HSTS for subdomains, and for ever in browsers' lists: that is for who owns the domain, and no matter of ours.
SILENCED_SYSTEM_CHECKS = ["security.W005", "security.W021"]

# Mail is written to files until an SMTP address is set, such as EMAIL_URL=smtp+tls://user:password@host:587.
EMAIL_CONFIG = env.mail("EMAIL_URL", "filemail://")
vars().update(EMAIL_CONFIG)
EMAIL_TIMEOUT = 10  # seconds that a mail server may say nothing
EMAIL_FILE_PATH = str(DATA_DIR / "mail")
DEFAULT_FROM_EMAIL = env.text("DEFAULT_FROM_EMAIL", "Clapboard <clapboard@localhost>")

# Mail that goes to files proves nothing.
VERIFY_ADDRESSES = env.boolean("VERIFY_ADDRESSES", default=EMAIL_CONFIG["EMAIL_BACKEND"].endswith("smtp.EmailBackend"))

LANGUAGE_CODE = "en-us"
TIME_ZONE = env.time_zone("TIME_ZONE", "UTC")
USE_I18N = False
USE_TZ = True

# --- The engine -------------------------------------------------------------------------------------------------------

DOWNLOAD_TIME_LIMIT = env.number("DOWNLOAD_TIME_LIMIT", 600)  # seconds for one whole download
DOWNLOAD_SIZE_LIMIT = env.whole("DOWNLOAD_SIZE_LIMIT", 2 * 1024**3, least=1)  # bytes
UPLOAD_TIME_LIMIT = env.number("UPLOAD_TIME_LIMIT", 600)  # seconds to bring a source to WaveSpeed
# Beside the transfer: the result, the check and the storage, or the POST.
COLLECT_TIMEOUT = int(max(DOWNLOAD_TIME_LIMIT, UPLOAD_TIME_LIMIT)) + 420
Q_WORKERS = env.whole("WORKERS", 4, least=1, most=1000)
COLLECT_WORKERS = env.whole("COLLECT_WORKERS", 2, least=1, most=1000)


def _retry(timeout: int, workers: int) -> int:
    """Return after how many seconds a hint may be run again; a shorter time would run it twice in parallel.

    The prefetched hints wait behind the running ones: timeout x (1 + ceil((queue_limit + 1) / workers)), with the
    queue limit at the number of workers, is below four times the timeout.
    """
    return timeout * (1 + -(-(workers + 1) // workers)) + 60


Q_CLUSTER: dict[str, Any] = {
    "name": "clapboard",
    "label": "Hints",
    "orm": "default",
    "cache": "passing",  # the clusters' signs, twice a second
    "workers": Q_WORKERS,
    "bulk": 1,
    "queue_limit": Q_WORKERS,
    "timeout": 120,
    "retry": _retry(120, Q_WORKERS),
    "max_attempts": 3,
    "ack_failures": True,
    "save_limit": -1,
    "poll": 0.1,
    "guard_cycle": 0.5,
    "recycle": 500,
    "catch_up": False,
    "scheduler": False,  # chores are rows of our own, and its guard would look every 30 s
    "log_level": "WARNING",
    "ALT_CLUSTERS": {
        "collect": {
            "workers": COLLECT_WORKERS,
            "queue_limit": COLLECT_WORKERS,
            "timeout": COLLECT_TIMEOUT,
            "retry": _retry(COLLECT_TIMEOUT, COLLECT_WORKERS),
        }
    },
}

POLL_INTERVAL = env.number("POLL_INTERVAL", 0.5)  # seconds between two looks at a prediction, at the densest
POLL_BUDGET = env.number("POLL_BUDGET", 500, least=1)  # looks a second at all predictions, of all watchers
POLL_LEASE = env.number("POLL_LEASE", 45)  # seconds until a look that a dead watcher had begun is begun again
HAND_LEASE = env.number("HAND_LEASE", 60)  # seconds until a hint that nobody took is given out again
METRICS_TOKEN = env.text("METRICS_TOKEN")  # that /metrics asks for; empty: there is no /metrics
SANDBOX_SECONDS = env.number("SANDBOX_SECONDS", 8, least=0)  # that a prediction takes in the sandbox
MODERATED_BEFORE_REVIEW = env.whole("MODERATED_BEFORE_REVIEW", 10)  # then an operator looks; 0: never
FREE_DAILY_CEILING = env.dollars("FREE_DAILY_CEILING")  # that all of Free together may cost a day; None: no ceiling
TIME_LIMIT = env.number("TIME_LIMIT", 600)  # seconds after which a job counts as late

# --- REST -------------------------------------------------------------------------------------------------------------

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "billing.api.authentication.ApiKeyAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_PARSER_CLASSES": ["generation.api.parsers.StrictJSONParser"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "generation.api.parsers.AlwaysTheSame",
    "DEFAULT_FILTER_BACKENDS": ["django_filters.rest_framework.DjangoFilterBackend"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "DEFAULT_THROTTLE_CLASSES": ["generation.api.rates.UserRate"],
    "DEFAULT_THROTTLE_RATES": {"user": env.api_rate("API_RATE", "3000/min")},
    "EXCEPTION_HANDLER": "generation.api.errors.problem",
    "UNAUTHENTICATED_USER": "django.contrib.auth.models.AnonymousUser",
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Clapboard",
    "DESCRIPTION": "Turn prompts into stored videos. Every job is priced and its cost set aside before it is sent.",
    "VERSION": "1",
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "SCHEMA_PATH_PREFIX": "/api/v1/",
}

# --- Logs, policy, admin ----------------------------------------------------------------------------------------------

LOGGING_CONFIG = None
configure_logging(json=env.boolean("JSON_LOGS", default=not DEBUG), level=env.log_level("LOG_LEVEL", "INFO"))

CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:", *_MEDIA_ORIGINS],
        "media-src": [SELF, *_MEDIA_ORIGINS],
        "connect-src": [SELF],
        "font-src": [SELF],
        "manifest-src": [SELF],
        "form-action": [SELF],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
    }
}


_PAGES_OF_THEIR_OWN = {"margins"}  # of a model: they stand in the sidebar beside its list


def _is_at(request: HttpRequest, model: str, page: str) -> bool:
    """Say whether a page is the model's page of that name; without a name, any that has no line of its own."""
    match = request.resolver_match
    name = (match.url_name or "") if match else ""
    at = name.removeprefix(f"{model}_")
    return at != name and (at == page if page else at not in _PAGES_OF_THEIR_OWN)


def _pages(title: str, *pages: tuple[str, str, str]) -> dict[str, object]:
    """Return a group of the admin's sidebar, of pages given as title, icon and "app.model" or "app.model.page"."""

    def item(name: str, icon: str, model: str) -> dict[str, object]:
        app, kind, *pages = model.split(".")
        page = pages[0] if pages else ""
        return {
            "title": name,
            "icon": icon,
            "link": reverse_lazy(f"admin:{app}_{kind}_{page or 'changelist'}"),
            "active": lambda request: _is_at(request, f"{app}_{kind}", page),
            "permission": lambda request: request.user.has_perm(f"{app}.view_{kind}"),
        }

    return {"title": title, "separator": True, "items": [item(*page) for page in pages]}


UNFOLD = {
    "SITE_TITLE": "Clapboard",
    "SITE_HEADER": "Clapboard",
    "SITE_SUBHEADER": "Operations",
    "SITE_SYMBOL": "movie",
    "SITE_FAVICONS": [{"rel": "icon", "type": "image/svg+xml", "href": lambda request: "/favicon.svg"}],
    "SHOW_VIEW_ON_SITE": False,
    "SHOW_BACK_BUTTON": True,
    "ENVIRONMENT": "generation.admin.environment",
    "COLORS": {
        # The house's marigold: dark enough below white words from 600 on, light enough above dark ones up to 500.
        "primary": {
            "50": "#FFF9EB",
            "100": "#FDF1D6",
            "200": "#FADFA0",
            "300": "#F5C65A",
            "400": "#F5B82E",
            "500": "#E3A414",
            "600": "#7D5200",
            "700": "#6B4600",
            "800": "#573900",
            "900": "#442D00",
            "950": "#2B1C00",
        }
    },
    "SIDEBAR": {
        "show_search": True,
        "navigation": [
            _pages(
                "Today",
                ("To decide", "gavel", "generation.stuck"),
                ("Differences", "difference", "generation.difference"),
                ("Jobs", "movie", "generation.job"),
                ("What happened", "timeline", "generation.jobevent"),
                ("Uploads", "upload_file", "generation.upload"),
            ),
            _pages(
                "Money",
                ("Margins", "trending_up", "generation.job.margins"),
                ("Plans", "sell", "billing.plan"),
                ("Prices", "payments", "billing.price"),
                ("Subscriptions", "card_membership", "billing.subscription"),
                ("Own limits", "tune", "billing.override"),
                ("Periods", "calendar_month", "billing.period"),
                ("Grants", "redeem", "billing.grant"),
                ("Holds", "lock_clock", "billing.hold"),
                ("Ledger", "receipt_long", "billing.ledgerentry"),
                ("Notices", "notifications", "billing.notice"),
                ("Days of Free", "today", "billing.freeday"),
            ),
            _pages("Provider", ("Gate", "toll", "generation.gate"), ("Switches", "toggle_off", "generation.switch")),
            _pages(
                "People",
                ("Users", "person", "billing.user"),
                ("API keys", "key", "billing.apikey"),
                ("E-mail addresses", "mail", "account.emailaddress"),
                ("Second steps", "phonelink_lock", "mfa.authenticator"),
                ("Groups", "group", "auth.group"),
            ),
            _pages(
                "System",
                ("Heartbeats", "monitor_heart", "generation.heartbeat"),
                ("Daily chores", "event_repeat", "generation.chore"),
                ("Told to operators", "campaign", "generation.alert"),
                ("Told of jobs", "outgoing_mail", "generation.jobnotice"),
                ("Hints waiting", "hourglass_empty", "django_q.ormq"),
                ("Hints done", "task_alt", "django_q.success"),
                ("Hints failed", "error", "django_q.failure"),
                ("Changes in here", "history", "admin.logentry"),
            ),
        ],
    },
}
