"""Hugging Face transformers on PyTorch in the comparison of speed: everything that predicts. `speed.py` runs it.

Batches are padded to their longest text, in the order given and sorted by length. The form `eager` computes attention
in single operations in place of `scaled_dot_product_attention`; `compiled` goes through `torch.compile`.
"""

import torch
import transformers
from speed_arguments import parse_run, run_workload
from speed_clock import growth
from speed_encoders import encoder_workloads
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


def sizes(options):
    return growth(HuggingFace(options).forward, options.batches, options.lengths)


WORKLOADS = {**encoder_workloads(HuggingFace), "growth": sizes}

if __name__ == "__main__":
    run_workload(parse_run(__doc__, WORKLOADS), WORKLOADS, ["torch", "transformers", "tokenizers"], device())
