"""The buttons of `/settings` on Telegram: to another of its screens, or to choose something."""

from typing import Final

from alerts.channels.telegram_buttons import Button, Verb, Wanted


def leads(label: str, subject: str) -> Button:
    """To another screen, or to what the desk knows by that name."""
    return Button(label, Wanted(Verb.SET, subject))


def option(label: str, subject: str, *, is_chosen: bool) -> Button:
    """Something to choose, ticked where it is chosen."""
    return leads(f"✓ {label}" if is_chosen else label, subject)


BACK: Final = (leads("‹ Settings", "main"),)
