"""A faithful stand-in of the upstream API, for a first run, demonstrations and tests.

Every value it serves is invented; the statistics it is shaped by are measured
(trader-grade-calibration.json).
"""
