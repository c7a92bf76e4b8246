"""The buttons under what a chat was told, and what they become once they are pressed."""

from typing import Final

from alerts.channels.telegram_buttons import Button, Rows, Verb, Wanted
from alerts.channels.telegram_markup import literal

LONGEST_LABEL: Final = 12


def grade_buttons(
    event_id: str, symbol: str, *, is_muted: bool = False, is_stopped: bool = False
) -> Rows:
    """Under a change of one grade. is_muted, is_stopped: its token, since that was told."""
    called = literal(symbol, most=LONGEST_LABEL)
    edit = Button("✏️ Edit", Wanted(Verb.EDIT, event_id))
    if is_stopped:
        return ((Button(f"↩️ Follow {called} again", Wanted(Verb.KEEP, event_id)), edit),)
    mute = (
        Button(f"🔔 Unmute {called}", Wanted(Verb.UNMUTE, event_id))
        if is_muted
        else Button(f"🔕 Mute {called} 24 h", Wanted(Verb.MUTE, event_id))
    )
    # Three in a row are too narrow on a phone for what the first one says.
    return (mute,), (edit, Button("✖ Stop", Wanted(Verb.STOP, event_id)))


def summary_buttons(event_id: str, many: int, *, left: int) -> Rows:
    """Under several changes told at once. event_id: any of them; left: how many are not shown."""
    edit = Button("✏️ Edit", Wanted(Verb.EDIT))
    if not left:
        return ((edit,),)
    return ((Button(f"Show all {many:,}", Wanted(Verb.ALL, event_id)), edit),)
