"""mailgate: an email-first ticketing gateway. `docs/flow.md` follows one message through it."""

__version__ = "0.5.0"
