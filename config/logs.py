"""How log lines look: one line each, JSON in production, with request, job and prediction ids where they are known."""

import logging.config
import re

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

_SHARED: list[Processor] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
]

# The last part of a webhook's address is its permission, as it stands in addresses and inside their queries.
_TOKEN = re.compile(r"(hooks(?:/|%2F)wavespeed(?:/|%2F)[0-9A-Za-z-]+(?:/|%2F))[^\s/?&,)\"'<>]+", re.IGNORECASE)
# PostgreSQL repeats the whole row, prompts too, that breaks a constraint.
_ROW = re.compile(r"(Failing row contains \().*?(\)\.?)(?=\\n|\n|\"|$)", re.DOTALL)
# Other people's loggers that write past our handler; what they are given is masked before.
_ELSEWHERE = ("gunicorn.access", "gunicorn.error")
# Hints and codecs would drown what matters; statements show prompts, and urllib3's warnings quote whole addresses.
_LESS = {
    "WARNING": ("django-q", "asyncio", "libav", "boto3", "botocore", "s3transfer", "django.db.backends"),
    "ERROR": ("urllib3",),
}


def masked(line: str) -> str:
    """Return the line without what lets its reader in, and without what users wrote."""
    return _ROW.sub(r"\1…\2", _TOKEN.sub(r"\1…", line))


class Masked(logging.Filter):
    """Mask what a library logs through handlers of its own."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Let every line pass, masked."""
        record.msg, record.args = masked(record.getMessage()), None
        return True


def _mask(logger: WrappedLogger, name: str, line: EventDict | str) -> str:
    return masked(str(line))


def configure_logging(*, json: bool, level: str) -> None:
    """Send structlog's and every library's lines to standard error in one format."""
    # Plain: a traceback that shows local variables would show prompts and keys.
    renderer: Processor = structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback)
    if json:
        renderer = structlog.processors.JSONRenderer()
    # The console renderer draws tracebacks by itself.
    rendered: list[Processor] = [structlog.processors.format_exc_info, renderer] if json else [renderer]
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "formatters": {
                "lines": {
                    "()": structlog.stdlib.ProcessorFormatter,
                    "foreign_pre_chain": _SHARED,
                    "processors": [structlog.stdlib.ProcessorFormatter.remove_processors_meta, *rendered, _mask],
                }
            },
            "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "lines"}},
            "root": {"handlers": ["stderr"], "level": level},
            "loggers": {name: {"level": level} for level, names in _LESS.items() for name in names},
        }
    )
    for name in _ELSEWHERE:
        if not any(isinstance(found, Masked) for found in logging.getLogger(name).filters):
            logging.getLogger(name).addFilter(Masked())
    structlog.configure(
        processors=[*_SHARED, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
