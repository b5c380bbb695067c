"""What the audit app keeps in every database: the log, the salts, the seals and their anchors."""

from apps.audit.models.log import AuditEntry, AuditSalt
from apps.audit.models.seal import AuditAnchor, AuditSeal

__all__ = ["AuditAnchor", "AuditEntry", "AuditSalt", "AuditSeal"]
