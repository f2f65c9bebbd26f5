"""Google's original TensorFlow 1 checkpoints: bert_config.json, *.ckpt.index, *.ckpt.data-*, vocab.txt."""

from collections.abc import Iterable
from pathlib import Path

from keras_bert_layers import models
from keras_bert_layers.convert.bare_vocabulary import read_bare_vocabulary
from keras_bert_layers.convert.checkpoint import Checkpoint
from keras_bert_layers.convert.formats import checkpoint_prefix
from keras_bert_layers.convert.huggingface.bert import BERT
from keras_bert_layers.convert.huggingface.names import repeated, same
from keras_bert_layers.convert.json_file import read_json_file
from keras_bert_layers.convert.layouts import TRANSPOSED
from keras_bert_layers.convert.tensor_files import TensorFlowCheckpoint
from keras_bert_layers.convert.weight_map import Rule, Table

CONFIG = "bert_config.json"


def dense(ours: str, theirs: str) -> list[Rule]:
    """A `Linear` here, a `tf.layers.dense` there: both keep the kernel [in, out]."""
    return [*same(f"{ours}.kernel", f"{theirs}/kernel"), *same(f"{ours}.bias", f"{theirs}/bias")]


def norm(ours: str, theirs: str) -> list[Rule]:
    """A layer normalization."""
    return [*same(f"{ours}.gamma", f"{theirs}/gamma"), *same(f"{ours}.beta", f"{theirs}/beta")]


def output(ours: str, theirs: str) -> list[Rule]:
    """The last layer of a task, whose weights are [out, in] there."""
    return [
        Rule((f"{ours}.kernel",), f"{theirs}output_weights", TRANSPOSED),
        *same(f"{ours}.bias", f"{theirs}output_bias"),
    ]


EMBEDDINGS = [
    *same("embeddings.token_embedding.embeddings", "bert/embeddings/word_embeddings"),
    *same("embeddings.position_embedding.position_embeddings", "bert/embeddings/position_embeddings"),
    *same("embeddings.segment_embedding.segment_embeddings", "bert/embeddings/token_type_embeddings"),
    *norm("embeddings.norm", "bert/embeddings/LayerNorm"),
]

BLOCK = [
    *dense("attention.query", "/attention/self/query"),
    *dense("attention.key", "/attention/self/key"),
    *dense("attention.value", "/attention/self/value"),
    *dense("attention.output_projection", "/attention/output/dense"),
    *norm("attention_norm", "/attention/output/LayerNorm"),
    *dense("feed_forward.inner", "/intermediate/dense"),
    *dense("feed_forward.outer", "/output/dense"),
    *norm("feed_forward_norm", "/output/LayerNorm"),
]

HEADS = {
    "pooler": dense("pooler.dense", "bert/pooler/dense"),
    "masked_lm": [
        *dense("masked_lm.transform", "cls/predictions/transform/dense"),
        *norm("masked_lm.norm", "cls/predictions/transform/LayerNorm"),
        *same("masked_lm.output_bias", "cls/predictions/output_bias"),
    ],
    "next_sentence": output("next_sentence.logits", "cls/seq_relationship/"),
    "classification": output("classification.logits", ""),  # run_classifier.py
    "span": output("span.logits", "cls/squad/"),  # run_squad.py
}

IGNORED = {
    r".*/(adam|lamb)_[mv]": "a moment of the optimizer",
    r".*/Adam(_1)?": "a moment of the optimizer",
    r"(.*/)?beta[12]_power(_\d+)?": "a counter of the optimizer",
    r"(.*/)?(AdamWeightDecay|LAMB)\w*(/.*)?": "state of the optimizer",
    r"(.*/)?global_step": "the number of training steps",
    r"(.*/)?Variable(_\d+)?": "a counter of the training loop",
    r"(.*/)?((current_)?loss_scale|(num_)?(good|bad)_steps)": "state of the loss scaling",
}


def table(config: models.BertConfig) -> Table:
    """The table for this number of blocks."""
    blocks = repeated(BLOCK, "encoder.blocks.{}", "bert/encoder/layer_{}", config.num_layers)
    return Table(parts={"embeddings": EMBEDDINGS, "encoder": blocks, **HEADS}, ignored=IGNORED)


def read_google(path: Path) -> Checkpoint:
    """What a directory, or the checkpoint of this prefix (`.../bert_model.ckpt`), holds.

    The activation `"gelu"` is read as its exact form, in which the first checkpoints were trained and as which
    Hugging Face publishes them all. Google's later code computes the tanh form, up to 0.0005 away. Whether text is
    lowercased is told by the directory's name or the vocabulary, see `lowercased_by_convention`.

    Raises:
        ValueError: if a file is missing or damaged, or the configuration asks for what is not computed here.
    """
    prefix = checkpoint_prefix(path)
    config = models.BertConfig.from_google(read_config(prefix.parent))
    tensors = TensorFlowCheckpoint(prefix)
    return Checkpoint(
        family=BERT,
        config=config,
        tensors=tensors,
        table=table(config),
        tokenizer=lambda: read_bare_vocabulary(prefix.parent, config.vocabulary_size),
        task=_task(tensors.shapes()),
        sequence_length=config.max_sequence_length,
    )


def read_config(directory: Path) -> dict:
    """The settings in bert_config.json.

    Raises:
        ValueError: if there is none, or it is damaged.
    """
    path = directory / CONFIG
    if not path.exists():
        others = ", ".join(sorted(other.name for other in directory.glob("*.json"))) or "no .json file"
        raise ValueError(
            f"{directory} has no {CONFIG}, which says how large the BERT in this checkpoint is. Copy it from where the "
            f"checkpoint was pretrained. Found: {others}."
        )
    return read_json_file(path)


def _task(names: Iterable[str]) -> str | None:
    if "cls/squad/output_weights" in names:
        return "question_answering"
    if "output_weights" in names:
        return "text_classification"
    if "cls/predictions/output_bias" in names:
        return "pretraining" if "cls/seq_relationship/output_weights" in names else "masked_lm"
    return None
