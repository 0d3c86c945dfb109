"""How gunicorn writes its lines: as everybody here, and each request with its id."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import structlog
from gunicorn.config import Config
from gunicorn.glogging import Logger

from config.environment import Environment
from config.logs import configure_logging

_STREAM = "-"


class Lines(Logger):  # type: ignore[misc]
    """Sends to our handler what gunicorn would write to a stream; a file or syslog that was asked for stays."""

    def setup(self, cfg: Config) -> None:
        """Take the lines over. gunicorn's first process never loads our settings, so what it needs is read here."""
        super().setup(cfg)
        env = Environment(apart=True)  # or its children would go by the .env of today after each reload
        env.read_files(Path(__file__).resolve().parent.parent)
        json = env.boolean("JSON_LOGS", default=not env.boolean("DEBUG", default=False))
        configure_logging(json=json, level=env.log_level("LOG_LEVEL", "INFO"))
        for log, where in ((self.error_log, cfg.errorlog), (self.access_log, cfg.accesslog)):
            if where == _STREAM:
                log.removeHandler(self._get_gunicorn_handler(log))
                log.propagate = True

    def access(self, resp: Any, req: Any, environ: dict[str, Any], request_time: timedelta) -> None:
        """Write down a request that was answered."""
        if self.cfg.accesslog != _STREAM:
            super().access(resp, req, environ, request_time)
            return
        headers = {name.lower(): value for name, value in resp.headers}
        structlog.get_logger("gunicorn.access").info(
            f"{environ['REQUEST_METHOD']} {environ['RAW_URI']}",
            status=int(str(resp.status).split(maxsplit=1)[0]),
            bytes=resp.sent,
            seconds=request_time.total_seconds(),
            remote=environ.get("REMOTE_ADDR"),
            agent=environ.get("HTTP_USER_AGENT"),
            request_id=headers.get("x-request-id"),
        )
