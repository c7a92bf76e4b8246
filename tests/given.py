"""Settings that are a test's own."""

from pydantic_settings import SettingsConfigDict

from alerts.settings import Settings


class Given(Settings):
    """Settings as they are given: what a developer keeps in .env is for what they run."""

    model_config = SettingsConfigDict(env_file=None)
