"""Gradebell: tells apps and people when a crypto token's grade is upgraded or downgraded."""

__version__ = "0.1.0"
