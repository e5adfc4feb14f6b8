"""A provisioned project, and the annotation API as the browser calls it."""

from labeling import project, provisioned

__all__ = ["project", "provisioned"]
