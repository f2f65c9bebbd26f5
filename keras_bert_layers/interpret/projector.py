"""Vectors for the embedding projector of TensorBoard."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np


def write_projector(
    directory: str | os.PathLike,
    vectors: np.ndarray,
    labels: Sequence[str] | Mapping[str, Sequence[str]],
    name: str = "embeddings",
) -> None:
    """Writes vectors and labels as `tensorboard --logdir DIRECTORY` shows them under *Projector*.

    The files are `NAME_tensors.tsv` and `NAME_metadata.tsv`, which https://projector.tensorflow.org loads as well, and
    `projector_config.pbtxt`. Needs no TensorBoard to write.

    Args:
        directory: is made if it is not there.
        vectors: float [R, H]: sentence vectors, or token embeddings (`token_vectors`).
        labels: R str, such as a vocabulary or texts; or several columns by name. Tabs and line breaks in them become
            spaces, since both part the columns and rows of the file.
        name: of the tensor; another name adds to what the directory holds. Defaults to `"embeddings"`.

    Raises:
        ValueError: if a column has not one label for each vector.

    Example:
        >>> import tempfile
        >>> directory = tempfile.mkdtemp()
        >>> write_projector(directory, np.eye(2), ["a", "b"])
        >>> sorted(os.listdir(directory))
        ['embeddings_metadata.tsv', 'embeddings_tensors.tsv', 'projector_config.pbtxt']
    """
    vectors = np.asarray(vectors)
    columns = labels if isinstance(labels, Mapping) else {"": labels}
    wrong = {column: len(values) for column, values in columns.items() if len(values) != len(vectors)}
    if vectors.ndim != 2 or wrong:
        raise ValueError(
            f"Expected `vectors` [R, H] and R labels. Received vectors of shape {vectors.shape} and "
            f"{', '.join(f'{count} labels {column}'.strip() for column, count in wrong.items()) or 'as many labels'}."
        )
    directory = Path(directory)
    directory.mkdir(parents=True, exist_ok=True)
    tensors, metadata = directory / f"{name}_tensors.tsv", directory / f"{name}_metadata.tsv"
    np.savetxt(tensors, vectors, fmt="%.7g", delimiter="\t")
    rows = ["\t".join(map(_cell, row)) for row in zip(*columns.values(), strict=True)]
    # The projector takes the first row for names only where there are several columns.
    header = ["\t".join(map(_cell, columns))] if len(columns) > 1 else []
    metadata.write_text("\n".join([*header, *rows]) + "\n", encoding="utf-8")
    config = directory / "projector_config.pbtxt"
    entry = (
        f'embeddings {{\n  tensor_name: "{name}"\n  tensor_path: "{tensors.name}"\n'
        f'  metadata_path: "{metadata.name}"\n}}\n'
    )
    known = config.read_text(encoding="utf-8") if config.exists() else ""
    config.write_text(known if entry in known else known + entry, encoding="utf-8")


def _cell(value):
    return " ".join(str(value).replace("\t", " ").splitlines())
