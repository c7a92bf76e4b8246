"""Time zones as people find theirs: by their language, by region, or by what they type."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Final
from zoneinfo import available_timezones

LONGEST_TYPED: Final = 64
UTC_NAME: Final = "UTC"
# Where most who have a client in this language live, as tzdata names it, the likeliest first.
_BY_LANGUAGE: Final = {
    "ar": "Asia/Riyadh Asia/Dubai Africa/Cairo Asia/Baghdad Africa/Casablanca Africa/Algiers",
    "bg": "Europe/Sofia",
    "cs": "Europe/Prague",
    "da": "Europe/Copenhagen",
    "de": "Europe/Berlin Europe/Vienna Europe/Zurich",
    "el": "Europe/Athens Asia/Nicosia",
    "en": "Europe/London America/New_York America/Chicago America/Denver America/Los_Angeles "
    "Asia/Kolkata Asia/Singapore Australia/Sydney",
    "en-au": "Australia/Sydney Australia/Brisbane Australia/Adelaide Australia/Perth",
    "en-gb": "Europe/London Europe/Dublin",
    "en-us": "America/New_York America/Chicago America/Denver America/Phoenix "
    "America/Los_Angeles America/Anchorage Pacific/Honolulu",
    "es": "Europe/Madrid America/Mexico_City America/Bogota America/Lima America/Santiago "
    "America/Argentina/Buenos_Aires America/Caracas Atlantic/Canary",
    "et": "Europe/Tallinn",
    "fa": "Asia/Tehran Asia/Kabul",
    "fi": "Europe/Helsinki",
    "fr": "Europe/Paris Europe/Brussels Europe/Zurich America/Toronto Africa/Abidjan "
    "Africa/Casablanca",
    "he": "Asia/Jerusalem",
    "hi": "Asia/Kolkata",
    "hr": "Europe/Zagreb",
    "hu": "Europe/Budapest",
    "id": "Asia/Jakarta Asia/Makassar Asia/Jayapura",
    "it": "Europe/Rome Europe/Zurich",
    "ja": "Asia/Tokyo",
    "kk": "Asia/Almaty",
    "ko": "Asia/Seoul",
    "lt": "Europe/Vilnius",
    "lv": "Europe/Riga",
    "ms": "Asia/Kuala_Lumpur Asia/Singapore",
    "nb": "Europe/Oslo",
    "nl": "Europe/Amsterdam Europe/Brussels",
    "pl": "Europe/Warsaw",
    "pt": "Europe/Lisbon America/Sao_Paulo Africa/Luanda",
    "pt-br": "America/Sao_Paulo America/Fortaleza America/Manaus America/Rio_Branco",
    "ro": "Europe/Bucharest Europe/Chisinau",
    "ru": "Europe/Moscow Europe/Kaliningrad Europe/Samara Asia/Yekaterinburg Asia/Novosibirsk "
    "Asia/Krasnoyarsk Asia/Irkutsk Asia/Vladivostok Asia/Almaty Europe/Minsk",
    "sk": "Europe/Bratislava",
    "sl": "Europe/Ljubljana",
    "sr": "Europe/Belgrade",
    "sv": "Europe/Stockholm Europe/Helsinki",
    "th": "Asia/Bangkok",
    "tr": "Europe/Istanbul",
    "uk": "Europe/Kyiv Europe/Warsaw Europe/Berlin",
    "ur": "Asia/Karachi",
    "uz": "Asia/Tashkent",
    "vi": "Asia/Ho_Chi_Minh",
    "zh": "Asia/Shanghai Asia/Hong_Kong Asia/Taipei Asia/Singapore",
}
_ELSEWHERE: Final = "en"
_KNOWN_BEST: Final = frozenset(" ".join(_BY_LANGUAGE.values()).split())
_UNPEOPLED: Final = frozenset({"Antarctica", "Arctic"})
_SHORT: Final = {"usa": "us", "uk": "gb", "uae": "ae"}
# Those that people live in; what else tzdata knows are other names for them.
_TABLE: Final = "zone.tab"
_COUNTRIES: Final = "iso3166.tab"


@dataclass(frozen=True, slots=True)
class _Zone:
    name: str
    code: str
    country: str


# What somebody may mean, the narrowest first; of a zone and of what was typed, folded.
_FITS: Final[Sequence[Callable[[_Zone, str], bool]]] = (
    lambda zone, asked: city_of(zone.name).casefold() == asked,
    lambda zone, asked: _SHORT.get(asked, asked) in {zone.code, zone.country.casefold()},
    lambda zone, asked: city_of(zone.name).casefold().startswith(asked),
    lambda zone, asked: asked in f"{zone.name} {zone.country}".casefold().replace("_", " "),
)


def likely_zones(language: str) -> tuple[str, ...]:
    """Zones that whoever has a client in a language is likely in, the likeliest first.

    language: as Telegram names it, such as `de` or `pt-br`; empty where it does not say.
    """
    asked = language.casefold()
    near = (asked, asked.partition("-")[0], _ELSEWHERE)
    return tuple(next(_BY_LANGUAGE[one] for one in near if one in _BY_LANGUAGE).split())


@cache
def regions() -> tuple[str, ...]:
    """The parts of the world that zones are named by, those with most of them first."""
    names = [zone.name.partition("/")[0] for zone in _zones()]
    peopled = set(names) - _UNPEOPLED
    return tuple(sorted(peopled, key=lambda name: (-names.count(name), name)))


@cache
def zones_of(region: str) -> tuple[str, ...]:
    """The zones of a region, by the city that they are named after."""
    return tuple(sorted((z.name for z in _zones() if z.name.startswith(f"{region}/")), key=city_of))


def city_of(zone: str) -> str:
    """What people call a zone: Buenos Aires of America/Argentina/Buenos_Aires."""
    return zone.rpartition("/")[2].replace("_", " ")


def find_zones(typed: str) -> tuple[str, ...]:
    """The zones that are meant by a name, a city, a country, or a part of one; maybe none.

    The likeliest first, and a single one where it is said exactly.
    """
    asked = typed.strip()[:LONGEST_TYPED].casefold().replace("_", " ")
    if not asked:
        return ()
    for zone in _names():
        if zone.casefold().replace("_", " ") == asked:
            return (zone,)
    for fits in _FITS:
        found = tuple(zone.name for zone in _zones() if fits(zone, asked))
        if found:
            return tuple(sorted(found, key=lambda name: (name not in _KNOWN_BEST, city_of(name))))
    return ()


@cache
def _names() -> tuple[str, ...]:
    """Whatever may be typed in full, old names included."""
    return tuple(sorted(name for name in available_timezones() if _is_place(name)))


def _is_place(name: str) -> bool:
    return name == UTC_NAME or ("/" in name and not name.startswith(("Etc/", "posix/", "right/")))


@cache
def _zones() -> tuple[_Zone, ...]:
    countries = dict(row[:2] for row in _rows(_COUNTRIES))
    return tuple(
        _Zone(row[2], row[0].casefold(), countries.get(row[0], "")) for row in _rows(_TABLE)
    )


def _rows(name: str) -> list[list[str]]:
    text = files("tzdata.zoneinfo").joinpath(name).read_text(encoding="utf-8")
    return [line.split("\t") for line in text.splitlines() if line and not line.startswith("#")]
