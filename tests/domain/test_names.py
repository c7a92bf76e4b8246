"""Whom a row speaks of: sources, upstream ids, and the labels people read."""

from __main__ import X



