"""Hugging Face transformers on PyTorch in the comparison of speed: everything that predicts. `speed.py` runs it.

Batches are padded to their longest text, in the order given and sorted by length. The form `eager` computes attention
in single operations in place of `scaled_dot_product_attention`; `compiled` goes through `torch.compile`.
"""

import numpy as np
import torch
import transformers
from speed_arguments import parse_run, run_workload
from speed_clock import growth, in_batches, latency, median_seconds, pass_figures, seconds_of, token_ids
from speed_texts import sentences
from speed_torch import device, place, start


class HuggingFace:
    """The checkpoint in one form, ready for strings and for ids."""

    def __init__(self, options):
        start(options)
        self.tokenizer = transformers.AutoTokenizer.from_pretrained(options.checkpoint)
        self.model = transformers.AutoModelForSequenceClassification.from_pretrained(
            options.checkpoint,
            attn_implementation="eager" if options.form == "eager" else "sdpa",
            dtype=torch.bfloat16 if options.form == "bfloat16" else torch.float32,
        )
        self.model = self.model.eval().to(place())
        if options.form == "compiled":
            self.model = torch.compile(self.model)

    def encode(self, texts):
        return self.tokenizer(texts, truncation=True, max_length=512)

    @torch.inference_mode()
    def logits(self, encoding):
        """The logits of texts that were encoded, padded to the longest of them."""
        features = self.tokenizer.pad(encoding, return_tensors="pt").to(place())
        return self.model(**features).logits.float().cpu().numpy()

    @torch.inference_mode()
    def forward(self, token_ids):
        """Ids int [B, S] without padding -> logits."""
        ids = torch.from_numpy(token_ids.astype("int64")).to(place())
        return self.model(input_ids=ids, attention_mask=torch.ones_like(ids)).logits.float().cpu().numpy()


def agree(options):
    theirs = HuggingFace(options)
    logits = theirs.logits(theirs.encode(sentences(options.data, "sst2", 8)))
    return {"logits": {str(number): row for number, row in enumerate(logits.tolist())}}


def dense(options):
    theirs = HuggingFace(options)
    batch, length = options.dense
    seconds = median_seconds(theirs.forward, token_ids(batch, length), repeats=options.repeats)
    return {f"{batch} x {length}": {"seconds": seconds}}


def texts(options):
    theirs = HuggingFace(options)
    given = sentences(options.data, options.sentences, options.texts)
    lengths = np.array([len(ids) for ids in theirs.encode(given)["input_ids"]])

    def in_order():
        return [theirs.logits(theirs.encode(batch)) for batch in in_batches(given, options.batch_size)]

    def by_length():
        ids = theirs.encode(given)["input_ids"]
        order = sorted(range(len(ids)), key=lambda row: -len(ids[row]))
        batches = in_batches(order, options.batch_size)
        return [theirs.logits({"input_ids": [ids[row] for row in rows]}) for rows in batches]

    theirs.logits(theirs.encode(given[:2]))
    theirs.logits(theirs.encode(given[: options.batch_size]))
    return {
        "given order": pass_figures(seconds_of(in_order), lengths),
        "sorted": pass_figures(seconds_of(by_length), lengths),
    }


def one_text(options):
    theirs = HuggingFace(options)
    given = sentences(options.data, "sst2", options.latency_texts)
    return latency(lambda text: theirs.logits(theirs.encode([text])), given)


def sizes(options):
    return growth(HuggingFace(options).forward, options.batches, options.lengths)


WORKLOADS = {"agree": agree, "dense": dense, "texts": texts, "latency": one_text, "growth": sizes}

if __name__ == "__main__":
    run_workload(parse_run(__doc__, WORKLOADS), WORKLOADS, ["torch", "transformers", "tokenizers"], device())
