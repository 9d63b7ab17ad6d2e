"""The kinds of values an admin writes in YAML: yes/no, durations, sizes, rates, addresses, texts per language.

Each is an annotated type for pydantic models; what is wrong is said in a sentence that shows how to write it.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    PlainValidator,
    SecretStr,
    ValidationInfo,
    WithJsonSchema,
)
from pydantic_core import CoreSchema, core_schema

from mailgate.clock import parse_duration
from mailgate.yamlfile import did_you_mean

Language = Literal["pt-BR", "en", "es"]
LANGUAGES: tuple[Language, ...] = ("pt-BR", "en", "es")

#: What `off` means for a count or a size, and for a time: never reached. Comparisons need no special case.
UNLIMITED = 2**62
FOREVER = timedelta(days=36_500)


def bound(limit: int) -> int | None:
    """A count or size limit, None when it is off; for code that asks whether there is a bound."""
    return None if limit >= UNLIMITED else limit


def seconds(limit: timedelta) -> float | None:
    """A time limit in seconds, None when it is off (a socket takes None, not a century)."""
    return None if limit >= FOREVER else limit.total_seconds()


class Section(BaseModel):
    """A part of a configuration file: unknown keys are mistakes, values never change after loading."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=False, arbitrary_types_allowed=True)


def _yes_no(value: object) -> bool:
    if isinstance(value, bool):
        return value
    known = {
        "yes": True,
        "true": True,
        "on": True,
        "sim": True,
        "no": False,
        "false": False,
        "off": False,
        "não": False,
    }
    found = known.get(str(value).strip().lower())
    if found is None:
        raise ValueError(f"{value!r} is neither yes nor no")
    return found


YesNo = Annotated[bool, BeforeValidator(_yes_no), WithJsonSchema({"enum": ["yes", "no", True, False]})]


def _duration(value: object) -> timedelta:
    if isinstance(value, timedelta):
        return value
    if isinstance(value, str):
        if value.strip().lower() == "off":
            raise ValueError("this time cannot be off; write it like 30s, 5m, 48h or 7d")
        length = parse_duration(value)
        if length < timedelta():
            raise ValueError(f"{value!r} is negative; write it like 30s, 5m, 48h or 7d")
        return length
    raise ValueError(f"{value!r} has no unit; write it like 30s, 5m, 48h or 7d")


def _duration_or_off(value: object) -> timedelta:
    return FOREVER if _is_off(value) else _duration(value)


_DURATION_SCHEMA = {"type": "string", "pattern": r"^(\d+(ms|s|m|h|d|w))+$", "examples": ["30s", "5m", "48h", "7d"]}
Duration = Annotated[timedelta, PlainValidator(_duration), WithJsonSchema(_DURATION_SCHEMA)]
DurationLimit = Annotated[
    timedelta, PlainValidator(_duration_or_off), WithJsonSchema({"anyOf": [_DURATION_SCHEMA, {"const": "off"}]})
]

_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([KMGT]i?B|B)?", re.IGNORECASE)
_POWER = {"": 0, "b": 0, "k": 1, "m": 2, "g": 3, "t": 4}


def _is_off(value: object) -> bool:
    return value is False or (isinstance(value, str) and value.strip().lower() == "off")


def _size(value: object) -> int:
    """Bytes out of 1048576, "64KiB", "25MiB", "27.5MiB"; KB and KiB are both 1024."""
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    match = _SIZE.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None:
        raise ValueError(f"{value!r} is not a size; write it like 64KiB or 25MiB")
    return int(float(match[1]) * 1024 ** _POWER[(match[2] or "b")[0].lower()])


def _size_or_off(value: object) -> int:
    return UNLIMITED if _is_off(value) else _size(value)


def _count_or_off(value: object) -> int:
    if _is_off(value):
        return UNLIMITED
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    raise ValueError(f"{value!r} is not a limit; write a whole number or off")


_OFF = {"const": "off"}
Size = Annotated[int, PlainValidator(_size), WithJsonSchema({"type": ["integer", "string"], "examples": ["25MiB"]})]
SizeLimit = Annotated[
    int, PlainValidator(_size_or_off), WithJsonSchema({"type": ["integer", "string"], "examples": ["25MiB", "off"]})
]
CountLimit = Annotated[
    int, PlainValidator(_count_or_off), WithJsonSchema({"anyOf": [{"type": "integer", "minimum": 0}, _OFF]})
]


@dataclass(frozen=True, slots=True)
class Rate:
    """At most `count` in any span of `per`."""

    count: int
    per: timedelta


_RATE = re.compile(r"(\d+)\s*/\s*(\d*(?:ms|[smhdw])|min)")


def rates(unit: str) -> Callable[[object], tuple[Rate, ...]]:
    """A reader of `20` (a number an hour, or what `unit` says), `5/h`, [1/10m, 5/h] and off (no rate at all)."""

    def read(value: object) -> tuple[Rate, ...]:
        if _is_off(value):
            return ()
        if isinstance(value, (list, tuple)):
            return tuple(rate for one in value for rate in read(one))
        if isinstance(value, Rate):
            return (value,)
        text = f"{value}/{unit}" if isinstance(value, int) and not isinstance(value, bool) else str(value).strip()
        match = _RATE.fullmatch(text)
        if match is None:
            raise ValueError(f"{value!r} is not a rate; write a number (for each {unit}), 5/h, [1/10m, 5/h] or off")
        span = match[2].replace("min", "m")
        return (Rate(int(match[1]), parse_duration(span if span[0].isdigit() else f"1{span}")),)

    return read


_ONE_RATE: dict[str, Any] = {"anyOf": [{"type": "integer", "minimum": 0}, {"type": "string"}]}
_RATE_SCHEMA = WithJsonSchema({"anyOf": [*_ONE_RATE["anyOf"], {"type": "array", "items": _ONE_RATE}]})
HourlyRate = Annotated[tuple[Rate, ...], PlainValidator(rates("h")), _RATE_SCHEMA]
DailyRate = Annotated[tuple[Rate, ...], PlainValidator(rates("d")), _RATE_SCHEMA]
MinuteRate = Annotated[tuple[Rate, ...], PlainValidator(rates("m")), _RATE_SCHEMA]


def _located(value: object, info: ValidationInfo) -> Path | None:
    """A path as written, taken from the folder of the configuration file; empty means none."""
    if value is None or value == "":
        return None
    if not isinstance(value, (str, Path)):
        raise ValueError(f"{value!r} is not a path")
    folder = (info.context or {}).get("folder", Path())
    return (Path(folder) / Path(value).expanduser()).absolute()


_PATH_SCHEMA = WithJsonSchema({"type": "string"})
OptionalPath = Annotated[Path | None, PlainValidator(_located), _PATH_SCHEMA]


def _located_path(value: object, info: ValidationInfo) -> Path:
    found = _located(value, info)
    if found is None:
        raise ValueError("a path is needed here")
    return found


_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")


def is_variable(value: object) -> bool:
    """Whether a secret is not written here but `${NAME}` of the environment."""
    return isinstance(value, str) and _VARIABLE.fullmatch(value) is not None


def _from_environment(value: object, info: ValidationInfo) -> object:
    """`${NAME}`, and nothing beside it, is what the environment holds under that name."""
    if not isinstance(value, str) or not is_variable(value):
        return value
    name = value[2:-1]
    found = (info.context or {}).get("environ", {}).get(name)
    if not found:
        raise ValueError(f"the environment has no {name}")
    return found


Secret = Annotated[SecretStr, BeforeValidator(_from_environment)]


RequiredPath = Annotated[Path, PlainValidator(_located_path), _PATH_SCHEMA]


@dataclass(frozen=True, slots=True)
class Listen:
    """Where to listen: host and port, or a unix socket (`path`, then host is "" and port 0)."""

    host: str
    port: int
    path: Path | None = None

    def __str__(self) -> str:
        if self.path is not None:
            return f"unix:{self.path}"
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def split_host_port(text: str) -> tuple[str, int]:
    """`127.0.0.1:25`, `[::1]:25`, `mx.example.test:25`; raises ValueError with how to write it."""
    host, colon, port = text.strip().rpartition(":")
    bare = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    if not colon or not bare or (":" in bare and bare == host) or not port.isascii() or not port.isdigit():
        raise ValueError(f"{text!r} is not host:port; write it like 127.0.0.1:2525")
    if int(port) > 65535:
        raise ValueError(f"{port} is not a port; ports are 0 to 65535")
    return bare, int(port)


def _listen(value: object, info: ValidationInfo) -> Listen:
    if isinstance(value, Listen):
        return value
    text = str(value)
    if text.startswith("unix:"):
        return Listen("", 0, _located_path(text.removeprefix("unix:"), info))
    host, port = split_host_port(text)
    return Listen(host, port)


ListenAt = Annotated[
    Listen, PlainValidator(_listen), WithJsonSchema({"type": "string", "examples": ["127.0.0.1:2525"]})
]


def is_loopback(host: str) -> bool:
    """Whether a host name or address means this machine itself."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


_ADDRESS = re.compile(r"[^\s@<>(),;:\"\[\]\\]{1,64}@(?=.{1,255}$)[^\s@<>(),;:\"\[\]\\.]+(?:\.[^\s@<>(),;:\"\[\]\\.]+)*")


def _address(value: object) -> str:
    text = str(value).strip()
    if not _ADDRESS.fullmatch(text):
        raise ValueError(f"{value!r} is not an address; write it like suporte@example.com")
    local, _, domain = text.rpartition("@")
    return f"{local}@{domain.lower()}"


#: One address, RFC 5321 §4.1.2, without name and angle brackets; the domain in lower case.
Address = Annotated[str, BeforeValidator(_address)]


def _domain(value: object) -> str:
    text = str(value).strip().lower().removesuffix(".")
    if not _DOMAIN.fullmatch(text):
        raise ValueError(f"{value!r} is not a domain; write it like example.com (names with accents as xn--...)")
    return text


_DOMAIN = re.compile(r"(?=.{4,253}$)[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)+")

#: A domain name as DNS has it (RFC 1035 §2.3.4), in lower case and without last dot.
Domain = Annotated[str, BeforeValidator(_domain)]


def _network(value: object) -> str:
    try:
        return str(ipaddress.ip_network(str(value).strip(), strict=False))
    except ValueError:
        raise ValueError(f"{value!r} is no IP address or network; write it like 192.0.2.1 or 10.0.0.0/8") from None


#: An IP network; an address is a network of one.
Network = Annotated[str, BeforeValidator(_network)]


def _texts(value: object) -> dict[str, str]:
    """`{pt-BR: Aberto, en: Open}`, or one text for every language."""
    if isinstance(value, str):
        return dict.fromkeys(LANGUAGES, value)
    if not isinstance(value, dict):
        raise ValueError("write one text, or one for each language: {pt-BR: ..., en: ..., es: ...}")
    for language, text in value.items():
        if language not in LANGUAGES:
            hint = did_you_mean(language, LANGUAGES)
            raise ValueError(f"{language!r} is not a language; they are {', '.join(LANGUAGES)}{hint}")
        if not isinstance(text, str):
            raise ValueError(f"the text for {language} must be text, not {text!r}; quotes help")
    return dict(value)


_TEXTS_SCHEMA = {
    "anyOf": [
        {"type": "string"},
        {
            "type": "object",
            "properties": {language: {"type": "string"} for language in LANGUAGES},
            "additionalProperties": False,
        },
    ]
}
Texts = Annotated[dict[str, str], PlainValidator(_texts), WithJsonSchema(_TEXTS_SCHEMA)]


def text_in(texts: dict[str, str], language: str, fallback: str = "") -> str:
    """The text in `language`, else in its base language, else in the first there is, else `fallback`."""
    if language in texts:
        return texts[language]
    base = language.split("-")[0]
    for known, text in texts.items():
        if known.split("-")[0] == base:
            return text
    return next(iter(texts.values()), fallback)


def _words(value: object) -> tuple[str, ...]:
    if isinstance(value, str):
        return (value,)
    if isinstance(value, (list, tuple)) and all(isinstance(one, str) for one in value):
        return tuple(value)
    raise ValueError("write one word or a list of words: [one, two]")


Words = Annotated[
    tuple[str, ...],
    PlainValidator(_words),
    WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}),
]


def one_or_many(value: Any) -> Any:
    """A bare value as a list of one; for fields that take either."""
    return [value] if isinstance(value, (str, int, float)) and not isinstance(value, bool) else value


class OrOne:
    """Marks a list that may also be written as its only item: `Annotated[tuple[T, ...], OrOne()]`."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_before_validator_function(one_or_many, handler(source))

    def __get_pydantic_json_schema__(self, core: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        array = dict(handler(core))
        return {"anyOf": [array["items"], array]} if "items" in array else array


def _not_empty(value: str) -> str:
    if not value.strip():
        raise ValueError("must not be empty")
    return value


Text = Annotated[str, AfterValidator(_not_empty)]

_KEY = re.compile(r"[a-z0-9][a-z0-9_-]*")


def _name_of_thing(value: object) -> str:
    if not isinstance(value, str) or not _KEY.fullmatch(value):
        raise ValueError(f"{value!r} is not a key; use small letters, digits, - and _")
    return value


#: The key of a status, a department, a topic: what rules and rows name it by.
Key = Annotated[str, BeforeValidator(_name_of_thing)]
