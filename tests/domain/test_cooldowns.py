"""After its cooldown an endpoint believes what holds, whatever came in between."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from alerts.domain.cooldowns import Band, LastWord, band_of, cools_until, is_believed
from alerts.domain.deliveries import State
from tests.builders import day
from tests.domain.telling import UPGRADED, parsed

COOLDOWN = timedelta(hours=6)
HOUR = timedelta(hours=1)


@dataclass
class Receiver:
    """One endpoint and one token: what waits for it, what it was told, and when."""

    waiting: Band | None = None
    was_held: bool = False
    told: list[tuple[datetime, Band]] = field(default_factory=list)
    doubtful: bool = False

    def owe(self, band: Band) -> None:
        """A newer change takes the place of the one that waits."""
        self.waiting, self.was_held = band, False

    def turn(self, now: datetime, *, answer: State = State.DELIVERED) -> None:
        """What a claim does with what waits."""
        if self.waiting is None:
            return
        last = None
        if self.told:
            at, band = self.told[-1]
            last = LastWord(1, State.UNKNOWN if self.doubtful else State.DELIVERED, at, band)
        if cools_until(last, COOLDOWN, now) is not None:
            self.was_held = True
            return
        if self.was_held and is_believed(last, self.waiting):
            self.waiting = None
            return
        if answer is State.PENDING:
            return
        self.told.append((now, self.waiting))
        self.doubtful = answer is State.UNKNOWN
        self.waiting = None


STEPS = st.lists(
    st.tuples(
        st.integers(1, 9),
        st.one_of(st.none(), st.integers(1, 4)),
        st.sampled_from([State.DELIVERED, State.DELIVERED, State.PENDING, State.UNKNOWN]),
    ),
    max_size=30,
)


@given(STEPS)
def test_after_the_cooldown_what_is_believed_is_what_holds(
    steps: list[tuple[int, int | None, State]],
) -> None:
    now, held, one = day(0), 3, Receiver()
    one.owe((1, held))
    one.turn(now)
    for hours, rank, answer in steps:
        now += hours * HOUR
        if rank is not None and rank != held:
            held = rank
            one.owe((1, held))
        one.turn(now, answer=answer)

    one.turn(now + COOLDOWN)

    assert one.told[-1][1] == (1, held)
    assert one.waiting is None
    moments = [at for at, _ in one.told]
    assert all(later - earlier >= COOLDOWN for earlier, later in pairwise(moments))


def test_what_is_on_the_wire_is_waited_for() -> None:
    now = day(1)
    sending = LastWord(1, State.SENDING, None, (1, 4))

    assert cools_until(None, COOLDOWN, now) is None
    assert cools_until(sending, COOLDOWN, now) == now + timedelta(seconds=5)
    assert not is_believed(sending, (1, 4))


def test_a_band_of_another_ladder_is_not_what_was_told() -> None:
    told = LastWord(1, State.DELIVERED, day(0), (1, 4))

    assert is_believed(told, (1, 4))
    assert not is_believed(told, (2, 4))


def test_the_band_is_read_out_of_what_was_told() -> None:
    assert band_of(parsed(UPGRADED)) == (1, 4)
    assert band_of({"data": {"to": None, "band_version": 1}}) is None
