"""Log lines as JSON, for collectors."""

import logging
from datetime import UTC, datetime

from apps.kernel.api.renderers import to_json


class JSONFormatter(logging.Formatter):
    """Writes a record as one JSON object: at (UTC), level, logger, message, and the traceback if any."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "at": datetime.fromtimestamp(record.created, tz=UTC),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return to_json(line).decode()
