"""The command line of the clients of a model server."""

import argparse
import json
import sys
from collections.abc import Callable


def ask(connect: Callable, doc: str, server: tuple[str, str], waiting: str, arguments: list[str] | None = None) -> int:
    """Prints one line of JSON for each text; 0, or 2 with a message when the server refuses them or does not answer.

    Args:
        connect: (address, model, timeout=..., batch_size=...) -> a client.
        doc: the script's own, whose first sentence is the description.
        server: the option that takes the address, without its dashes, and its default.
        waiting: what the time-out is for.
        arguments: of the command line. Defaults to `None`: the program's own.
    """
    option, default = server
    parser = argparse.ArgumentParser(
        description=doc.split("\n\n")[0], formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("text", nargs="+", help="texts")
    parser.add_argument(f"--{option}", dest="server", default=default, help="the server")
    parser.add_argument("--model", required=True, help="its name on the server")
    parser.add_argument("--signature", default="text", help="the endpoint")
    parser.add_argument("--json", action="store_true", help="the texts are JSON objects of strings by input name")
    parser.add_argument("--timeout", type=float, default=5.0, help=f"seconds to wait for {waiting}")
    parser.add_argument("--batch-size", type=int, default=64, help="texts in a request")
    options = parser.parse_args(arguments)
    try:
        rows = [_parsed(text) if options.json else text for text in options.text]
        client = connect(options.server, options.model, timeout=options.timeout, batch_size=options.batch_size)
        answers = client.predict(rows, options.signature)
    except (ValueError, OSError, ImportError) as error:
        print(error, file=sys.stderr)
        return 2
    for answer in answers:
        print(json.dumps(answer, ensure_ascii=False))
    return 0


def _parsed(text):
    try:
        return json.loads(text)
    except ValueError as error:
        raise ValueError(f"With --json, a text is a JSON object of strings by input name. Received: {text}") from error
