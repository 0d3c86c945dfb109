"""How log lines look: one line each, JSON in production, with request, job and prediction ids where they are known."""

import logging.config
import sys
import threading
from types import TracebackType
from typing import Any

import structlog
from structlog.typing import EventDict, ExcInfo, Processor, WrappedLogger

from config.masks import masked, traced

_SHARED: list[Processor] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
]
# Other people's loggers that may write past our handler; what they are given is masked before.
_ELSEWHERE = ("gunicorn.access", "gunicorn.error")
# Hints and codecs would drown what matters; statements show prompts, as do the contexts of templates that lack
# something, and urllib3's warnings quote whole addresses.
_LESS = {
    "WARNING": (
        *("django-q", "asyncio", "libav", "boto3", "botocore", "s3transfer"),
        *("django.db.backends", "django.template"),
    ),
    "ERROR": ("urllib3",),
}


class Masked(logging.Filter):
    """Mask what a library logs through handlers of its own."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Let every line pass, masked; one of ours is masked when it is written."""
        if not isinstance(record.msg, dict):
            record.msg, record.args = masked(record.getMessage()), None
        return True


def configure_logging(*, json: bool, level: str) -> None:
    """Send structlog's and every library's lines, and what ends a process, to standard error in one format."""
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "formatters": {"lines": {"()": lambda: lines(json=json)}},
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
    if json:
        logging.captureWarnings(True)
        sys.excepthook = _ended
        threading.excepthook = _thread_ended


def lines(*, json: bool) -> structlog.stdlib.ProcessorFormatter:
    """Return what makes a line of what is logged."""
    # Plain: a traceback that shows local variables would show prompts and keys.
    plain = structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback)
    renderer: Processor = structlog.processors.JSONRenderer() if json else plain
    # Masked before it is written as JSON, of which a mask would leave none.
    rendered: list[Processor] = [structlog.processors.ExceptionRenderer(_traced), _masked, renderer]
    meta = structlog.stdlib.ProcessorFormatter.remove_processors_meta
    return structlog.stdlib.ProcessorFormatter(foreign_pre_chain=_SHARED, processors=[meta, *rendered])


def _traced(exc_info: ExcInfo) -> str:
    return traced(exc_info[1])


def _masked(logger: WrappedLogger, name: str, event: EventDict) -> EventDict:
    return {key: _mask(value) for key, value in event.items()}


def _mask(value: Any) -> Any:
    match value:
        case None | bool() | int() | float():
            return value
        case str():
            return masked(value)
        case dict():
            return {key: _mask(one) for key, one in value.items()}
        case list() | tuple():
            return [_mask(one) for one in value]
    return masked(repr(value))


def _ended(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Write down what ends the process, such as a database that is gone."""
    if issubclass(kind, KeyboardInterrupt) or hasattr(sys, "ps1"):  # somebody sits there
        sys.__excepthook__(kind, error, trace)
        return
    structlog.get_logger(__name__).critical("ended by an error", exc_info=error)


def _thread_ended(args: threading.ExceptHookArgs) -> None:
    # As Python does, which says nothing of a thread that means to end.
    if args.exc_type is not SystemExit and args.exc_value is not None:
        structlog.get_logger(__name__).error("thread ended by an error", exc_info=args.exc_value)
