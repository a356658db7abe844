"""report.html: one file that opens from disk, with all scores, figures and texts of a sweep inside."""

from harness.report.page.compose import compose

__all__ = ["compose"]
