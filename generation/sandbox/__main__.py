"""Starts the sandbox from the command line: `python -m generation.sandbox --port 0 --seconds 0.2 --tiny`."""

import argparse
import os
import signal
import sys
import tempfile
import threading
from pathlib import Path

from . import SandboxOptions, serve
from .drift import UnknownDriftError, add_arguments, chosen, offered


def main() -> None:
    """Read the options and serve; without `--files` everything goes to a folder that is removed at the end."""
    parser = _parser()
    given = {name: value for name, value in vars(parser.parse_args()).items() if value is not None}
    options = {name: value for name, value in given.items() if name not in {"price", "without", "schema"}}
    options |= chosen(given)
    if "fault" in options:
        options["faults"] = tuple(options.pop("fault"))
    if "no_inputs" in options:
        options["include_inputs"] = not options.pop("no_inputs")
    # Being told to stop ends it like Ctrl-C, so that the folder is removed.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    if options.pop("until_eof"):
        threading.Thread(target=_stop_at_eof, daemon=True).start()
    with tempfile.TemporaryDirectory(prefix="sandbox-") as folder:
        wanted = SandboxOptions(**{"files": Path(folder), **options})
        try:
            offered(wanted)
        except UnknownDriftError as error:
            parser.error(str(error))
        serve(wanted)


def _stop_at_eof() -> None:
    """Stop when whoever started this has gone, however that happened."""
    while os.read(0, 1024):  # not sys.stdin: its lock, held by a thread, is fatal at the end of the interpreter
        pass
    os.kill(os.getpid(), signal.SIGTERM)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="sandbox", description=__doc__)
    parser.add_argument("--host")
    parser.add_argument("--port", type=int, help="0 takes any free port")
    parser.add_argument("--seconds", type=float, help="how long a prediction takes")
    parser.add_argument("--files", type=Path, help="where rendered files and uploads are kept")
    parser.add_argument("--api-key", help="the one key accepted; without it, any")
    parser.add_argument("--webhook-secret")
    parser.add_argument("--webhook-pause", type=float, help="seconds before the first retry of a webhook")
    parser.add_argument("--tiny", action="store_true", help="pictures of 160x90, without the prompt")
    parser.add_argument("--plain", action="store_true", help="pictures of full size, without the prompt")
    parser.add_argument("--balance", type=float, help="dollars in the account")
    parser.add_argument("--concurrent", type=int, help="predictions at a time")
    parser.add_argument("--per-minute", type=int, help="submissions a minute")
    parser.add_argument("--no-inputs", action="store_true", default=None, help="never show inputs in lists")
    parser.add_argument("--fault", action="append", help="a fault of prompts that ask for none (see faults.py)")
    parser.add_argument("--fault-probability", type=float)
    parser.add_argument("--fault-seed", type=int)
    add_arguments(parser)
    parser.add_argument("--until-eof", action="store_true", help="stop when standard input ends")
    return parser


if __name__ == "__main__":
    main()
