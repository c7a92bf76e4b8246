"""Where the sandbox answers, unless it is told otherwise, and the key that it takes."""

from typing import Final

DEFAULT_PORT: Final = 8700
SANDBOX_KEY: Final = "tm-sandbox"
