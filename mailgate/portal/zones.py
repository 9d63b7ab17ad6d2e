"""The time zones to choose from: those of the countries whose languages we speak, and a few more; IANA names."""

from __future__ import annotations

ZONES = (
    "America/Sao_Paulo", "America/Noronha", "America/Bahia", "America/Fortaleza", "America/Recife", "America/Belem",
    "America/Cuiaba", "America/Campo_Grande", "America/Manaus", "America/Porto_Velho", "America/Boa_Vista",
    "America/Rio_Branco", "America/Argentina/Buenos_Aires", "America/Montevideo", "America/Asuncion",
    "America/Santiago", "America/La_Paz", "America/Lima", "America/Guayaquil", "America/Bogota", "America/Caracas",
    "America/Panama", "America/Costa_Rica", "America/Guatemala", "America/Mexico_City", "America/Santo_Domingo",
    "America/New_York", "America/Chicago", "America/Denver", "America/Los_Angeles", "Europe/Lisbon", "Europe/Madrid",
    "Europe/London", "Europe/Paris", "Europe/Berlin", "Africa/Luanda", "Africa/Maputo", "UTC",
)  # fmt: skip
