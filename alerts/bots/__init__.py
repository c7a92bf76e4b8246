"""Bots: what people type in a chat, done by the same pipeline as a call of the API."""
