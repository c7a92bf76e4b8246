"""Tests: sentences of behaviour, one file a module."""
