"""Where grades come from."""
