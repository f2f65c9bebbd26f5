"""Where a checkpoint of the Model Garden keeps its parts."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

ENCODER_POOLER = "encoder/_pooler_layer"

_VALUE = r"/\.ATTRIBUTES/VARIABLE_VALUE$"
_FIRST_QUERY = re.compile(
    r"(?:(.+)/)?(?:_transformer_layers/0|layer_with_weights-4)/_attention_layer/_query_dense/kernel"
)
# The first layers of an encoder that was saved as a functional model, which numbers its layers.
_NUMBERED = ("_embedding_layer", "_position_embedding_layer", "_type_embedding_layer", "_embedding_norm_layer")


@dataclass(frozen=True)
class Places:
    """The beginning, up to the last slash, of the names of each part; None for a part that is not there.

    The name of a tensor is the shortest way to it from what was saved, so that it depends on which of the Model
    Garden's classes that was, and under which name.

    Args:
        encoder: the encoder; it may be empty.
        pooler: the dense layer on the first token, after `renamed`.
        masked_lm: the masked-LM head.
        classifier: the last layer of a head on the first token.
        output: the last layer of another head, alone at its place or inside a network of its own.
    """

    encoder: str
    pooler: str
    masked_lm: str | None
    classifier: str | None
    output: str | None

    @classmethod
    def among(cls, names: Iterable[str], checkpoint: str) -> "Places":
        """The places in a checkpoint whose tensors have these names.

        Raises:
            ValueError: if it has no BERT encoder, or several.
        """
        names = sorted(re.sub(_VALUE, "", name) for name in names)
        encoders = {match[1] or "" for name in names if (match := _FIRST_QUERY.fullmatch(name))}
        if len(encoders) != 1:
            raise ValueError(
                f"{checkpoint} must hold one BERT encoder of the Model Garden, with a tensor whose name ends in "
                "_transformer_layers/0/_attention_layer/_query_dense/kernel or in "
                f"layer_with_weights-4/_attention_layer/_query_dense/kernel. It holds {len(encoders)}. Its tensors are "
                f"{', '.join(names[:5])}{', ...' * (len(names) > 5)}."
            )
        classifier = _before("/kernel", names, r"(.*/)?out_proj/kernel")
        # A head that reads the sequence output has a pooler of its own, under its name or inside it.
        own = r"next_sentence\.\.pooler_dense/kernel"
        if classifier is not None:
            own += f"|{re.escape(classifier.removesuffix('out_proj'))}dense/kernel"
        return cls(
            encoder=encoders.pop(),
            pooler=_before("/kernel", names, own) or ENCODER_POOLER,
            masked_lm=_before("/layer_norm/gamma", names, r".*/layer_norm/gamma"),
            classifier=classifier,
            output=_before("/kernel", names, r"(.*/)?layer_with_weights-1/(layer_with_weights-0/)?kernel"),
        )

    def renamed(self, num_layers: int) -> dict[str, str]:
        """Pattern -> replacement, which give the encoder's tensors the names that the newest class gives them."""
        start = re.escape(f"{self.encoder}/") if self.encoder else ""
        numbered = [*_NUMBERED, *(f"_transformer_layers/{number}" for number in range(num_layers)), "_pooler_layer"]
        names = {
            _VALUE: "",
            rf"^{start}(?=_[a-z]|layer_with_weights-)": "encoder/",
            **{rf"^encoder/layer_with_weights-{number}/": f"encoder/{name}/" for number, name in enumerate(numbered)},
            r"/_attention_output_dense/": "/_attention_layer/_output_dense/",
            # A slash in the name that a layer gave to its variable.
            r"/output_bias\.Sbias$": "/bias",
        }
        if self.masked_lm is not None:
            # The shortest way to the word embeddings, where a head shares them.
            names[rf"^{re.escape(self.masked_lm)}/embedding_table$"] = "encoder/_embedding_layer/embeddings"
        return names


def _before(ending: str, names: list[str], pattern: str) -> str | None:
    found = [name for name in names if re.fullmatch(pattern, name)]
    return found[0].removesuffix(ending) if found else None
