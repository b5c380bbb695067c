"""What can be done in the platform context; every function is one unit of change."""

from apps.platform.operations.tags import create_tag, delete_tag, merge_tags, update_tag

__all__ = ["create_tag", "delete_tag", "merge_tags", "update_tag"]
