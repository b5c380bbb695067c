"""Proof from the catalogs that every tenant is walled, in every home of every database."""

from apps.tenancy.verification.faults import Fault
from apps.tenancy.verification.sweep import Report, sweep

__all__ = ["Fault", "Report", "sweep"]
