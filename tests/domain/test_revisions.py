"""Rows seen again: refreshed, late, released as history, or put on a new ladder."""

from __main__ import X



