"""What is done to logs: sealing them, and anchoring the seals in another database."""

from apps.audit.operations.anchoring import anchor_log
from apps.audit.operations.sealing import Sealed, seal_log, seal_logs

__all__ = ["Sealed", "anchor_log", "seal_log", "seal_logs"]
