"""A Hugging Face directory: config.json, safetensors, and the files of the tokenizer."""

from pathlib import Path

from keras_bert_layers.convert.checkpoint import Checkpoint
from keras_bert_layers.convert.family import Family
from keras_bert_layers.convert.huggingface import FAMILIES
from keras_bert_layers.convert.huggingface.heads import PROBLEM_TYPES
from keras_bert_layers.convert.huggingface.pooling import Pooling, read_pooling
from keras_bert_layers.convert.huggingface_tokenizer import read_tokenizer
from keras_bert_layers.convert.json_file import read_json_file
from keras_bert_layers.convert.tasks import PRETRAINING_HEADS, HeadSettings, task_of_parts
from keras_bert_layers.convert.tensor_files import SafetensorsFiles


def read_huggingface(directory: Path) -> Checkpoint:
    """What the directory holds.

    Raises:
        ValueError: if a file is missing or damaged, or the configuration asks for what is not computed here.
    """
    settings = read_json_file(directory / "config.json")
    tensors = SafetensorsFiles(directory)
    family = _family(settings, tensors, directory)
    settings = {**family.defaults, **settings}
    config = family.read_config(settings)
    tied = settings.get("tie_word_embeddings", True)
    pooling, pooling_fault = _pooling(directory)
    table = family.table(config, tied)
    dropouts = {task: settings.get(key) for task, key in family.dropout_keys.items()}
    return Checkpoint(
        family=family,
        config=config,
        tensors=tensors,
        table=table,
        tokenizer=lambda: read_tokenizer(directory, config.vocabulary_size),
        # The class that config.json names is the encoder's; that its vectors are pooled, only modules.json says.
        task="sentence_embedding" if pooling or pooling_fault else _task(settings, family, table, tensors),
        labels=_labels(settings),
        head=HeadSettings(
            dropout=getattr(config, "dropout", 0.0),
            tied=tied,
            problem_type=_problem_type(settings, directory),
            **({} if pooling is None else {"pooling": pooling.mode, "normalize": pooling.normalize}),
            **({"classifier_pooling": settings["classifier_pooling"]} if "classifier_pooling" in settings else {}),
        ),
        dropouts={task: rate for task, rate in dropouts.items() if rate is not None},
        has_pooling=pooling is not None,
        pooling_fault=pooling_fault,
        sequence_length=min(
            config.max_sequence_length, (pooling and pooling.sequence_length) or config.max_sequence_length
        ),
    )


def _family(settings, tensors, directory) -> Family:
    model_type = settings.get("model_type")
    if model_type is None:
        # The earliest files do not say it; the names of the tensors do.
        names = tensors.shapes()
        for family in FAMILIES.values():
            if any(name.startswith(family.prefix) for name in names):
                return family
    if model_type not in FAMILIES:
        raise ValueError(
            f"{directory / 'config.json'} has model_type={model_type!r}. Read here are: {', '.join(FAMILIES)}."
        )
    return FAMILIES[model_type]


def _pooling(directory) -> tuple[Pooling | None, str | None]:
    """How vectors are pooled; or why it cannot be done, which is of no matter to another task."""
    try:
        return read_pooling(directory), None
    except (ValueError, OSError) as error:
        return None, str(error)


def _task(settings, family, table, tensors):
    named = settings.get("architectures") or []
    if named:
        tasks = {name: task for task, name in family.classes.items()}
        return next((tasks[name] for name in named if name in tasks), None)
    # The earliest files name no class; of their heads, only those of pretraining have names that leave no doubt.
    names = {table.canonical(name) for name in tensors.shapes()}
    heads = {head for head in PRETRAINING_HEADS if any(rule.theirs in names for rule in table.parts.get(head, ()))}
    return task_of_parts(heads)


def _problem_type(settings, directory):
    name = settings.get("problem_type")
    ours = {theirs: ours for ours, theirs in PROBLEM_TYPES.items()}
    if name is not None and name not in ours:
        raise ValueError(
            f"{directory / 'config.json'} has problem_type={name!r}. Known are: {', '.join(ours)}, or none. "
            "Mend the file."
        )
    return ours.get(name)


def _labels(settings):
    names = settings.get("id2label")
    return [names[key] for key in sorted(names, key=int)] if names else None
