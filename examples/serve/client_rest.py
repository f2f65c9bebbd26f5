"""Asks a model server over REST: in batches, with time-outs, and once more where that may help.

    python examples/serve/client_rest.py --model sentiment "The film is good." "Boring."
    python examples/serve/client_rest.py --model qa --json '{"question": "Who?", "context": "Ann sings."}'

It prints one line of JSON for each text, in their order, at once (no TensorFlow is loaded). `RestClient` is for use in
other programs. The status is 0, or 2 with a message when the server refuses the texts or does not answer.
"""

import base64
import sys
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import requests
from serve.command_line import ask
from serve.rows import Row, in_batches, named, one_for_each
from urllib3.util import Retry

# Too many requests, and what proxies and a server whose queue is full or whose model is being loaded say.
WORTH_ANOTHER_TRY = (429, 502, 503, 504)


class RestClient:
    """A model of a TensorFlow Serving at `url`.

    A try that finds no server, gets no answer in time, or one of `WORTH_ANOTHER_TRY` is repeated up to `retries` times,
    after backoff, 2 backoff, 4 backoff, ... seconds and a random part of one `backoff` more; a server's `Retry-After`
    comes first. Predictions change nothing in a server, so that it does no harm if one is made twice.

    Args:
        url: such as "http://localhost:8501".
        model: its name there.
        version: int. Defaults to `None`, the latest.
        timeout: float > 0. Seconds for a try to connect, and to answer.
        retries: int. Defaults to 4.
        backoff: float. Defaults to 0.1 seconds.
        batch_size: int > 0. Rows in a request. Defaults to 64.
        connections: int > 0. Kept open for as many threads. Defaults to 16.
    """

    def __init__(
        self,
        url: str,
        model: str,
        *,
        version: int | None = None,
        timeout: float = 5.0,
        retries: int = 4,
        backoff: float = 0.1,
        batch_size: int = 64,
        connections: int = 16,
    ):
        self.url = f"{url.rstrip('/')}/v1/models/{model}" + ("" if version is None else f"/versions/{version}")
        self.timeout, self.batch_size = timeout, batch_size
        again = Retry(
            total=retries,
            backoff_factor=backoff,
            backoff_jitter=backoff,
            status_forcelist=WORTH_ANOTHER_TRY,
            allowed_methods=None,  # POST too
            raise_on_status=False,
        )
        adapter = requests.adapters.HTTPAdapter(max_retries=again, pool_maxsize=connections)
        self.session = requests.Session()
        for scheme in ("http://", "https://"):
            self.session.mount(scheme, adapter)

    def predict(self, rows: Sequence[Row], signature: str = "text") -> list:
        """One answer for each row, in their order: the outputs by name, or where there is but one, that alone.

        Args:
            rows: texts; or dicts of strings by the names of the inputs. Bytes need not be UTF-8.
            signature: the endpoint.

        Raises:
            ValueError: if the server refuses a request, with its message.
            OSError: if it does not answer, or not as it should (`requests.RequestException` is one).
        """
        answers = []
        for batch in in_batches(named(rows), self.batch_size):
            instances = [{name: _as_json(value) for name, value in row.items()} for row in batch]
            request = {"signature_name": signature, "instances": instances}
            response = self._checked(self.session.post(f"{self.url}:predict", json=request, timeout=self.timeout))
            answers += one_for_each(response.get("predictions"), batch)
        return answers

    def versions(self) -> dict[int, str]:
        """The state of each version that the server knows: "AVAILABLE" if it answers."""
        response = self._checked(self.session.get(self.url, timeout=self.timeout))
        return {int(each["version"]): each["state"] for each in response["model_version_status"]}

    def _checked(self, response):
        if response.status_code in range(400, 500) and response.status_code not in WORTH_ANOTHER_TRY:
            raise ValueError(f"{response.url} refused the request ({response.status_code}): {_error(response)}")
        response.raise_for_status()
        return response.json()


def _as_json(value):
    """Strings as they are; bytes in the form that JSON has no other for."""
    return value if isinstance(value, str) else {"b64": base64.b64encode(value).decode()}


def _error(response):
    try:
        return response.json()["error"]
    except (ValueError, LookupError, TypeError):
        return response.text[:200]


def main(arguments: list[str] | None = None) -> int:
    return ask(RestClient, __doc__, ("url", "http://localhost:8501"), "each try", arguments)


if __name__ == "__main__":
    sys.exit(main())
