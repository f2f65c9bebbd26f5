"""Tiny TensorFlow checkpoints of a BERT, written by TF1's own Saver, in the names of Google and of the Model Garden."""

import json
from pathlib import Path

import bert_arrays
import tensorflow as tf
import tiny

CONFIG = {
    "vocab_size": bert_arrays.VOCABULARY,
    "hidden_size": bert_arrays.WIDTH,
    "num_hidden_layers": bert_arrays.LAYERS,
    "num_attention_heads": bert_arrays.HEADS,
    "intermediate_size": bert_arrays.INNER,
    "max_position_embeddings": bert_arrays.LENGTH,
    "type_vocab_size": 2,
    "hidden_act": "gelu",
    "hidden_dropout_prob": 0.1,
    "attention_probs_dropout_prob": 0.1,
    "initializer_range": 0.02,
}


def save(prefix: Path, tensors: dict) -> None:
    """Writes tensors under exactly these names."""
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        variables = {
            name: tf.compat.v1.get_variable(f"v{number}", initializer=tf.constant(value))
            for number, (name, value) in enumerate(tensors.items())
        }
        session.run(tf.compat.v1.global_variables_initializer())
        tf.compat.v1.train.Saver(variables).save(session, str(prefix), write_state=False)


def load(prefix: Path) -> dict:
    """Every tensor of a checkpoint by its name."""
    reader = tf.train.load_checkpoint(str(prefix))
    return {name: reader.get_tensor(name) for name in reader.get_variable_to_shape_map()}


def directory(path: Path, tensors: dict) -> Path:
    """A directory with a checkpoint, its configuration and the vocabulary."""
    path.mkdir(exist_ok=True)
    save(path / "bert_model.ckpt", tensors)
    configure(path)
    tiny.tokenizer().save(path / "vocab.txt")
    return path


def configure(path: Path, **settings) -> None:
    """Writes bert_config.json with other settings; None leaves one out."""
    config = {key: value for key, value in {**CONFIG, **settings}.items() if value is not None}
    (path / "bert_config.json").write_text(json.dumps(config))


def google(p: dict, *heads: str) -> dict:
    """In the names of Google's code: the encoder and these heads."""
    e = p["embeddings"]
    tensors = {
        "bert/embeddings/word_embeddings": e["tokens"],
        "bert/embeddings/position_embeddings": e["positions"],
        "bert/embeddings/token_type_embeddings": e["segments"],
        **_norm("bert/embeddings/LayerNorm", e["g"], e["h"]),
        **_dense("bert/pooler/dense", p["pooler"]["W"], p["pooler"]["b"]),
    }
    for number, b in enumerate(p["blocks"]):
        at = f"bert/encoder/layer_{number}"
        tensors |= {
            **_dense(f"{at}/attention/self/query", b["WQ"], b["bQ"]),
            **_dense(f"{at}/attention/self/key", b["WK"], b["bK"]),
            **_dense(f"{at}/attention/self/value", b["WV"], b["bV"]),
            **_dense(f"{at}/attention/output/dense", b["WO"], b["bO"]),
            **_norm(f"{at}/attention/output/LayerNorm", b["g1"], b["h1"]),
            **_dense(f"{at}/intermediate/dense", b["W1"], b["b1"]),
            **_dense(f"{at}/output/dense", b["W2"], b["b2"]),
            **_norm(f"{at}/output/LayerNorm", b["g2"], b["h2"]),
        }
    m = p["masked_lm"]
    of_heads = {
        "masked_lm": {
            **_dense("cls/predictions/transform/dense", m["W"], m["b"]),
            **_norm("cls/predictions/transform/LayerNorm", m["g"], m["h"]),
            "cls/predictions/output_bias": m["c"],
        },
        "next_sentence": _output("cls/seq_relationship/", p["next_sentence"]),
        "classification": _output("", p["classification"]),
        "span": _output("cls/squad/", p["span"]),
    }
    for head in heads:
        tensors |= of_heads[head]
    return tensors


def with_optimizer(tensors: dict) -> dict:
    """As run_pretraining.py leaves it: two moments of each weight, and the number of steps."""
    moments = {f"{name}/adam_{m}": value * 0 + 1 for name, value in tensors.items() for m in "mv"}
    return {**tensors, **moments, "global_step": 7}


def object_based(tensors: dict) -> dict:
    """Names as TF2 writes them, and the tensor by which its checkpoints are known."""
    named = {f"{name}/.ATTRIBUTES/VARIABLE_VALUE": value for name, value in tensors.items()}
    return {**named, "_CHECKPOINTABLE_OBJECT_GRAPH": b"", "save_counter/.ATTRIBUTES/VARIABLE_VALUE": 1}


def model_garden(p: dict, encoder="encoder", numbered=False, attention_output="_attention_layer/_output_dense") -> dict:
    """An encoder in the names of the Model Garden, saved under `encoder`; `numbered` if it is a functional model."""
    e, count = p["embeddings"], len(p["blocks"])
    parts = ["_embedding_layer", "_position_embedding_layer", "_type_embedding_layer", "_embedding_norm_layer"]
    parts += [f"_transformer_layers/{number}" for number in range(count)] + ["_pooler_layer"]
    place = {
        part: f"{encoder}/layer_with_weights-{number}" if numbered else f"{encoder}/{part}"
        for number, part in enumerate(parts)
    }
    tensors = {
        f"{place['_embedding_layer']}/embeddings": e["tokens"],
        f"{place['_position_embedding_layer']}/embeddings": e["positions"],
        f"{place['_type_embedding_layer']}/embeddings": e["segments"],
        **_norm(place["_embedding_norm_layer"], e["g"], e["h"]),
        **_dense(place["_pooler_layer"], p["pooler"]["W"], p["pooler"]["b"]),
    }
    into, out_of = (bert_arrays.WIDTH, bert_arrays.HEADS, -1), (bert_arrays.HEADS, -1, bert_arrays.WIDTH)
    for number, b in enumerate(p["blocks"]):
        at = place[f"_transformer_layers/{number}"]
        for name, letter in (("query", "Q"), ("key", "K"), ("value", "V")):
            kernel, bias = b[f"W{letter}"].reshape(into), b[f"b{letter}"].reshape(into[1:])
            tensors |= _dense(f"{at}/_attention_layer/_{name}_dense", kernel, bias)
        tensors |= {
            **_dense(f"{at}/{attention_output}", b["WO"].reshape(out_of), b["bO"]),
            **_norm(f"{at}/_attention_layer_norm", b["g1"], b["h1"]),
            **_dense(f"{at}/_intermediate_dense", b["W1"], b["b1"]),
            **_dense(f"{at}/_output_dense", b["W2"], b["b2"]),
            **_norm(f"{at}/_output_layer_norm", b["g2"], b["h2"]),
        }
    return tensors


def model_garden_masked_lm(p: dict, place: str) -> dict:
    """A masked-LM head there, through which the word embeddings are reached first."""
    m = p["masked_lm"]
    return {
        **_dense(f"{place}/dense", m["W"], m["b"]),
        **_norm(f"{place}/layer_norm", m["g"], m["h"]),
        f"{place}/output_bias.Sbias": m["c"],
        f"{place}/embedding_table": p["embeddings"]["tokens"],
    }


def model_garden_dense(place: str, weights: dict) -> dict:
    return _dense(place, weights["W"], weights["b"])


def _dense(place, kernel, bias):
    return {f"{place}/kernel": kernel, f"{place}/bias": bias}


def _norm(place, gamma, beta):
    return {f"{place}/gamma": gamma, f"{place}/beta": beta}


def _output(place, weights):
    return {f"{place}output_weights": weights["W"].T.copy(), f"{place}output_bias": weights["b"]}
