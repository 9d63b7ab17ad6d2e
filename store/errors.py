"""What can go wrong with a database that a later try mends; `mailgate` maps these to replies and exit codes."""

from __future__ import annotations


class StoreError(Exception):
    """The database could not do it. The message is one sentence without secrets."""


class StoreBusy(StoreError):
    """Somebody else is writing; a later try helps."""


class StoreUnavailable(StoreError):
    """The database cannot be reached, is full or fails; a later try may help."""


class StoreTooNew(StoreError):
    """The database was written by a newer mailgate; this one must not touch it."""


class LostLease(StoreError):
    """A claimed row belongs to another by now; what was done in this transaction must not be committed."""
