"""gunicorn's settings: read where it is started in this folder."""

logger_class = "config.serving.Lines"
