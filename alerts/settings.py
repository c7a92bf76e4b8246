"""Every knob: environment or `.env`, prefix GRADEBELL_, described in `.env.example`."""

import os
import re
from collections.abc import Mapping
from datetime import timedelta
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Final, Self
from urllib.parse import urlsplit

from dotenv import dotenv_values
from pydantic import (
    Field,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from alerts.domain.grades import Kind
from alerts.domain.ratings import BandPolicy, Confirm, default_policies
from alerts.domain.retries import STANDARD_SCHEDULE, RetrySchedule
from alerts.domain.tokens import PAGE_WORDS
from alerts.errors import SettingsInvalid
from alerts.pipeline.retain import Kept
from alerts.plain_words import plain
from alerts.telemetry import LogFormat

PREFIX: Final = "GRADEBELL_"
ENV_FILE: Final = Path(".env")
MOST_TOKENS: Final = 100
_KNOWN: Final = {
    "source": ("sandbox", "token_metrics", "none"),
    "token_metrics_profile": ("v3", "v2-2025-08", "v2-2025-04"),
    "log_level": ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"),
}

_SECONDS: Final = re.compile(r"[0-9]{1,8}(\.[0-9]{1,6})?")
# What an Authorization header carries as it is, and nobody guesses.
_KEY: Final = re.compile(r"[!-~]{16,}")
# https://core.telegram.org/bots/api#authorizing-your-bot
_BOT_TOKEN: Final = re.compile(r"[0-9]{1,20}:[A-Za-z0-9_-]{20,100}")
_BRACES: Final = re.compile(r"\{[^{}]*\}|[{}]")
CommaList = Annotated[tuple[str, ...], NoDecode]


class Settings(BaseSettings):
    """The configuration of one process. Units are in the names; empty text is not set."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_file=ENV_FILE, extra="ignore", env_ignore_empty=True, frozen=True
    )

    database_url: str = "sqlite+aiosqlite:///./gradebell.db"
    redis_url: str = ""
    host: str = "127.0.0.1"
    port: int = Field(default=8000, ge=1, le=65_535)
    trusted_proxies: CommaList = ()
    key_requests_per_second: float = Field(default=50, ge=0.01, le=100_000)
    public_url: str = ""
    token_page_url: str = ""
    log_format: LogFormat = LogFormat.JSON
    log_level: str = "INFO"

    admin_key: SecretStr = SecretStr("")
    encryption_keys: SecretStr = SecretStr("")
    metrics_token: SecretStr = SecretStr("")

    source: str = "sandbox"
    token_metrics_api_key: SecretStr = SecretStr("")
    token_metrics_url: str = "https://api.tokenmetrics.com"  # noqa: S105 - an address.
    token_metrics_profile: str = "v2-2025-08"  # noqa: S105 - a version.
    token_metrics_tokens: CommaList = ()
    token_metrics_requests_per_minute: int = Field(default=1, ge=1)
    token_metrics_requests_per_month: int = Field(default=5000, ge=1)
    trader_interval_seconds: int = Field(default=3600, ge=1)
    fundamental_interval_seconds: int = Field(default=86_400, ge=1)
    move_step: float = Field(default=5, ge=0.01, le=100)
    trader_confirm_cycles: int = Field(default=1, ge=1, le=30)
    trader_sure_margin: float | None = Field(default=None, ge=0, le=100)
    fundamental_confirm_cycles: int = Field(default=1, ge=1, le=30)
    fundamental_sure_margin: float | None = Field(default=None, ge=0, le=100)

    # Years at most: an id of before 1970 would be later than any other.
    retain_deliveries_days: int = Field(default=90, ge=1, le=3650)
    retain_events_days: int = Field(default=400, ge=1, le=3650)
    retain_grades_days: int = Field(default=800, ge=1, le=3650)

    https_only: bool = True
    trusted_destinations: str = ""
    send_deadline_seconds: float = Field(default=15, gt=0, le=300)
    lease_seconds: float = Field(default=45, gt=0, le=3600)
    retry_schedule_seconds: CommaList = tuple(
        str(int(delay.total_seconds())) for delay in STANDARD_SCHEDULE.delays
    )

    telegram_bot_token: SecretStr = SecretStr("")
    telegram_webhook_secret: SecretStr = SecretStr("")
    telegram_api_url: str = "https://api.telegram.org"
    discord_bot_token: SecretStr = SecretStr("")
    discord_public_key: str = ""
    discord_api_url: str = "https://discord.com/api/v10"

    @field_validator(
        "token_metrics_tokens", "retry_schedule_seconds", "trusted_proxies", mode="before"
    )
    @classmethod
    def _split(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        return value

    @field_validator(*_KNOWN)
    @classmethod
    def _is_known(cls, value: str, field: ValidationInfo) -> str:
        known = _KNOWN[str(field.field_name)]
        value = value.upper() if field.field_name == "log_level" else value
        if value not in known:
            raise ValueError(f"must be one of {', '.join(known)}")
        return value

    @field_validator("admin_key")
    @classmethod
    def _fit_for_a_header(cls, value: SecretStr) -> SecretStr:
        # The key itself is not repeated.
        if value.get_secret_value() and not _KEY.fullmatch(value.get_secret_value()):
            raise ValueError("must be 16 or more letters, digits and signs of ASCII, no blanks")
        return value

    @field_validator("public_url")
    @classmethod
    def _web_address(cls, value: str) -> str:
        if value and not _is_web_address(value):
            raise ValueError("must be an address such as https://grades.example.com")
        return value.rstrip("/")

    @field_validator("discord_api_url", "telegram_api_url")
    @classmethod
    def _api_address(cls, value: str, field: ValidationInfo) -> str:
        if not _is_web_address(value):
            usual = cls.model_fields[str(field.field_name)].default
            raise ValueError(f"must be an address such as {usual}")
        return value.rstrip("/")

    @field_validator("telegram_bot_token")
    @classmethod
    def _fit_for_a_path(cls, value: SecretStr) -> SecretStr:
        # It stands in the address of every request, and is not repeated.
        token = value.get_secret_value().strip()
        if token and not _BOT_TOKEN.fullmatch(token):
            raise ValueError("must be a token as @BotFather gives it, such as 7000000001:AAF…")
        return SecretStr(token)

    @field_validator("token_page_url")
    @classmethod
    def _page_template(cls, value: str) -> str:
        unknown = set(_BRACES.findall(value)) - {f"{{{word}}}" for word in PAGE_WORDS}
        if unknown:
            raise ValueError(f"knows {{symbol}}, {{slug}} and {{id}}, not {min(unknown)}")
        if value and not _is_web_address(value):
            raise ValueError("must be an address such as https://example.com/tokens/{symbol}")
        return value

    @field_validator("token_metrics_tokens")
    @classmethod
    def _few_tokens(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if len(value) > MOST_TOKENS:
            raise ValueError(f"names {len(value)} tokens; at most {MOST_TOKENS} fit one request")
        return value

    @field_validator("retry_schedule_seconds")
    @classmethod
    def _numbers(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not value or not all(_SECONDS.fullmatch(part) for part in value):
            raise ValueError("must be seconds separated by commas, such as 0,5,300")
        if float(value[0]):
            raise ValueError("must begin with 0, for the first attempt is made at once")
        return value

    @field_validator("trusted_proxies")
    @classmethod
    def _networks(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for network in value:
            try:
                ip_network(network)
            except ValueError as error:
                raise ValueError(f"must be addresses or networks: {error}") from None
        return value

    @model_validator(mode="after")
    def _lease_outlasts_send(self) -> Self:
        if self.lease_seconds < 2 * self.send_deadline_seconds:
            least = "twice GRADEBELL_SEND_DEADLINE_SECONDS"
            raise ValueError(f"GRADEBELL_LEASE_SECONDS must be at least {least}")
        return self

    @model_validator(mode="after")
    def _events_outlast_deliveries(self) -> Self:
        if self.retain_events_days < self.retain_deliveries_days:
            least = "GRADEBELL_RETAIN_DELIVERIES_DAYS"
            raise ValueError(f"GRADEBELL_RETAIN_EVENTS_DAYS must be at least {least}")
        return self

    @property
    def kept(self) -> Kept:
        """How long things are kept."""
        return Kept(
            deliveries=timedelta(days=self.retain_deliveries_days),
            events=timedelta(days=self.retain_events_days),
            grades=timedelta(days=self.retain_grades_days),
        )

    @property
    def polled_source(self) -> str:
        """The source that is polled: a Token Metrics key says so, unless SOURCE says otherwise."""
        has_key = bool(self.token_metrics_api_key.get_secret_value())
        return "token_metrics" if has_key and "source" not in self.model_fields_set else self.source

    @property
    def policies(self) -> Mapping[Kind, BandPolicy]:
        """What each kind of grade is judged by."""
        trader = Confirm.of_points(self.trader_confirm_cycles, self.trader_sure_margin)
        sure = self.fundamental_sure_margin
        fundamental = Confirm.of_points(self.fundamental_confirm_cycles, sure)
        confirm = {Kind.TRADER: trader, Kind.FUNDAMENTAL: fundamental}
        return default_policies(round(self.move_step * 100), confirm)

    @property
    def lease(self) -> timedelta:
        """How long a worker holds a lane without saying so again."""
        return timedelta(seconds=self.lease_seconds)

    @property
    def deadline(self) -> timedelta:
        """The longest a send takes, from look-up to last byte."""
        return timedelta(seconds=self.send_deadline_seconds)

    @property
    def schedule(self) -> RetrySchedule:
        """When a failed delivery is tried again."""
        return RetrySchedule.of_seconds(map(float, self.retry_schedule_seconds))

    @property
    def keys(self) -> list[str]:
        """The encryption keys, the first one encrypts."""
        listed = self.encryption_keys.get_secret_value().split(",")
        return [key.strip() for key in listed if key.strip()]

    def require_keys(self) -> None:
        """Raises SettingsInvalid naming what must be set before anything can start."""
        for name, value in (
            ("ADMIN_KEY", self.admin_key),
            ("ENCRYPTION_KEYS", self.encryption_keys),
        ):
            if not value.get_secret_value():
                problem = f"{PREFIX}{name} is not set; `gradebell up` writes one to .env"
                raise SettingsInvalid(problem)
        if self.source == "token_metrics" and not self.token_metrics_api_key.get_secret_value():
            name = f"{PREFIX}TOKEN_METRICS_API_KEY"
            raise SettingsInvalid(f"{PREFIX}SOURCE is token_metrics, and {name} is not set")


def load_settings() -> Settings:
    """The settings of this process. Raises SettingsInvalid, one line naming what is wrong."""
    try:
        _refuse_unknown()
        return Settings()
    except UnicodeDecodeError:
        raise SettingsInvalid(f"{ENV_FILE} is not UTF-8; save it as UTF-8 text") from None
    except OSError as error:
        raise SettingsInvalid(f"{ENV_FILE} cannot be read: {error.strerror or error}") from None
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = "".join(str(part) for part in first["loc"][:1]).upper()
        message = plain(first)
        problem = f"{PREFIX}{place}: {message}" if place else message
        raise SettingsInvalid(problem) from None


def _is_web_address(text: str) -> bool:
    try:
        parts = urlsplit(text)
        is_whole = bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
    return parts.scheme in {"http", "https"} and is_whole and not any(map(str.isspace, text))


def _refuse_unknown() -> None:
    known = {f"{PREFIX}{name}".upper() for name in Settings.model_fields}
    given = {name.upper() for name in os.environ} | {
        name.upper() for name in dotenv_values(ENV_FILE)
    }
    unknown = sorted(name for name in given if name.startswith(PREFIX) and name not in known)
    if unknown:
        problem = f"{unknown[0]} is not a setting; .env.example lists those there are"
        raise SettingsInvalid(problem)
