"""`mailgate`: what every command owes, whatever happens in it: an exit code of sysexits.h and no traceback.

Nothing is imported here before it is guarded: to an MTA that pipes a mail into `mailgate ingest`, even a broken
installation is 75, since pipe(8) sends a mail back for nearly every other code.
"""

from __future__ import annotations

import os
import sys
import traceback

_OK, _SOFTWARE, _IO, _TRY_LATER, _INTERRUPTED = 0, 70, 74, 75, 130
#: The reader of our output went away (`| head`), as a shell would call it. Fine, unless a mail was under way.
_UNREAD = 141
#: What may be told to the MTA as it is: done, wrong use, over a hard limit, nobody of ours.
_PIPE_CODES = (_OK, 64, 65, 67)


def main(arguments: list[str] | None = None) -> None:
    """Run a command and exit with its code."""
    sys.exit(run(sys.argv[1:] if arguments is None else arguments))


def run(arguments: list[str]) -> int:
    """Run a command; its exit code."""
    is_pipe = arguments[:1] == ["ingest"]
    code = _run(arguments)
    if not is_pipe:
        return _flushed() if code in (_OK, _UNREAD) else code
    _flushed()  # the mail is safe, whether or not anybody reads its id
    return code if code in _PIPE_CODES else _TRY_LATER


def _run(arguments: list[str]) -> int:
    try:
        from mailgate.cli.commands import outcome

        return outcome(arguments)
    except (BrokenPipeError, SystemExit):  # typer and rich leave like this when nobody reads any more
        return _UNREAD
    except KeyboardInterrupt:
        return _INTERRUPTED
    except OSError as error:
        if error.filename is None and error.errno is not None:
            print(f"mailgate: {error.strerror}", file=sys.stderr)
            return _IO
        return _fault(error)
    except Exception as error:
        return _fault(error)


def _fault(error: Exception) -> int:
    """A fault of ours in one line; MAILGATE_DEBUG=1 shows where it was."""
    if os.environ.get("MAILGATE_DEBUG"):
        traceback.print_exception(error)
    else:
        hint = "MAILGATE_DEBUG=1 shows where"
        print(f"mailgate: a fault of ours, {type(error).__name__}: {error} ({hint})", file=sys.stderr)
    return _SOFTWARE


def _flushed() -> int:
    """Bring standard output to where it goes: a reader that went away is fine, a full disk is not."""
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except BrokenPipeError:
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115  (Python flushes once more at its end)
    except OSError as error:
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115
        print(f"mailgate: the output cannot be written: {error.strerror}", file=sys.stderr)
        return _IO
    return _OK
