"""How log lines look: one line each, JSON in production, with request, job and prediction ids where they are known."""

import logging.config

import structlog
from structlog.typing import Processor

_SHARED: list[Processor] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
]


def configure_logging(*, json: bool, level: str) -> None:
    """Send structlog's and every library's lines to standard error in one format."""
    # Plain: a traceback that shows local variables would show prompts and keys.
    renderer: Processor = structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback)
    if json:
        renderer = structlog.processors.JSONRenderer()
    # The console renderer draws tracebacks by itself.
    last: list[Processor] = [structlog.processors.format_exc_info, renderer] if json else [renderer]
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "formatters": {
                "lines": {
                    "()": structlog.stdlib.ProcessorFormatter,
                    "foreign_pre_chain": _SHARED,
                    "processors": [structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last],
                }
            },
            "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "lines"}},
            "root": {"handlers": ["stderr"], "level": level},
            # Hints and codecs would drown what matters; urllib3's warnings quote whole addresses.
            "loggers": {name: {"level": "WARNING"} for name in ("django-q", "asyncio", "libav", "botocore")}
            | {"urllib3": {"level": "ERROR"}},
        }
    )
    structlog.configure(
        processors=[*_SHARED, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
