"""Reading a JSON file that may be damaged."""

import json
from pathlib import Path


def read_json_file(path: Path) -> dict:
    """What the file holds.

    Raises:
        ValueError: if it is no JSON file.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} is no JSON file: {error}. It is truncated or damaged: download it again.") from error
