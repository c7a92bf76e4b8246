"""A time zone is found by a city, a country or a language, and every one offered exists."""

from zoneinfo import ZoneInfo

import pytest

from alerts.bots.zones import city_of, find_zones, likely_zones, regions, zones_of


@pytest.mark.parametrize(
    ("typed", "first", "how_many"),
    [
        ("Europe/Berlin", "Europe/Berlin", 1),
        ("berlin", "Europe/Berlin", 1),
        ("new york", "America/New_York", 1),
        ("Asia/Calcutta", "Asia/Calcutta", 1),
        ("utc", "UTC", 1),
        ("germany", "Europe/Berlin", 2),
        ("usa", "America/Anchorage", 29),
        ("kol", "Asia/Kolkata", 1),
    ],
)
def test_a_zone_is_found_by_what_people_call_it(typed: str, first: str, how_many: int) -> None:
    found = find_zones(typed)

    assert (found[0], len(found)) == (first, how_many)


@pytest.mark.parametrize("typed", ["", "  ", "atlantis", "x" * 5000])
def test_what_is_no_place_is_none(typed: str) -> None:
    assert find_zones(typed) == ()


@pytest.mark.parametrize(
    ("language", "first"),
    [
        ("de", "Europe/Berlin"),
        ("de-AT", "Europe/Berlin"),
        ("pt-br", "America/Sao_Paulo"),
        ("", "Europe/London"),
        ("tlh", "Europe/London"),
    ],
)
def test_the_zones_of_a_language_come_first(language: str, first: str) -> None:
    assert likely_zones(language)[0] == first


def test_every_zone_that_is_offered_exists_and_can_be_found() -> None:
    offered = [name for region in regions() for name in zones_of(region)]

    assert len(offered) > 390
    for name in offered:
        assert ZoneInfo(name).key == name
        assert find_zones(name) == (name,)
        assert city_of(name)
