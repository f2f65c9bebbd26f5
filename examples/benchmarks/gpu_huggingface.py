"""Hugging Face transformers on PyTorch in the measurements on a GPU. `gpu.py` runs it.

SDPA attention, `torch.compile` for each shape, bfloat16 (autocast in training), fused AdamW, TF32 for what stays in
float32. The masked-LM head runs at the predicted positions only, which its own model class does not do. The
probabilities of attention have no dropout, as on our side.
"""

import gpu_arrays
import numpy as np
import torch
import transformers
from gpu_options import VOCABULARY_SIZE, block_seconds, parse_run, rows_of, step_figures, write
from gpu_plan import MODELS

NAMES = {"num_layers": "num_hidden_layers", "hidden_dim": "hidden_size", "num_heads": "num_attention_heads"}
PLACE = "cuda" if torch.cuda.is_available() else "cpu"


def made(options, kind) -> torch.nn.Module:
    torch.manual_seed(0)
    torch.set_float32_matmul_precision("high")
    transformers.utils.logging.set_verbosity_error()
    sizes = {NAMES.get(name, "intermediate_size"): value for name, value in MODELS[options.model].items()}
    config = transformers.BertConfig(
        vocab_size=VOCABULARY_SIZE,
        hidden_dropout_prob=options.dropout,
        attention_probs_dropout_prob=0.0,
        attn_implementation="sdpa",
        **sizes,
    )
    return kind(config).to(PLACE)


class Trainer:
    """Steps of a loss, compiled, with its optimizer.

    Args:
        model: whose parameters are trained.
        loss: of a batch, a scalar.
        compiled: bool. False where PyTorch has no compiler for the machine.
    """

    def __init__(self, model, loss, learning_rate, compiled=True):
        self.model = model.train()
        self.loss = torch.compile(loss, dynamic=False) if compiled else loss
        self.optimizer = torch.optim.AdamW(model.parameters(), lr=learning_rate, weight_decay=0.01, fused=True)

    def run(self, batches) -> float:
        """The loss of the last of these batches, for which the device is waited."""
        for batch in batches:
            with torch.autocast(PLACE, torch.bfloat16):
                loss = self.loss(batch)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
            self.optimizer.step()
            self.optimizer.zero_grad(set_to_none=True)
        return loss.item()


def pretraining(options, length):
    rows = rows_of(options, length)
    arrays = gpu_arrays.rows(options.batches, f"dense-{length}", options.steps * rows)
    model = made(options, transformers.BertForMaskedLM)

    def loss(batch):
        states = model.bert(input_ids=batch["token_ids"], attention_mask=batch["padding_mask"]).last_hidden_state
        places = batch["mask_positions"].unsqueeze(-1).expand(-1, -1, states.shape[-1])
        logits = model.cls(states.gather(1, places))
        return torch.nn.functional.cross_entropy(logits.flatten(0, 1).float(), batch["labels"].flatten())

    trainer = Trainer(model, loss, 1e-4, compiled=options.model != "tiny")
    names = ("token_ids", "padding_mask", "mask_positions", "labels")
    batches = [
        tensors({name: arrays[name][begin : begin + rows] for name in names})
        for begin in range(0, options.steps * rows, rows)
    ]
    times = block_seconds(lambda: trainer.run(batches), options.blocks)
    figures = step_figures(times, len(batches), len(batches) * rows, int(arrays["padding_mask"].sum()))
    return {"full rows": {**figures, **peak_gib()}}


def finetune(options):
    model = made(options, transformers.BertForSequenceClassification)
    arrays = gpu_arrays.sentence_batches(options.batches, options.lengths, options.tokens)
    batches = [tensors(batch) for batch in arrays]

    def loss(batch):
        logits = model(input_ids=batch["token_ids"], attention_mask=batch["padding_mask"]).logits
        return torch.nn.functional.cross_entropy(logits.float(), batch["labels"])

    trainer = Trainer(model, loss, 2e-5, compiled=options.model != "tiny")
    return of_sentences(block_seconds(lambda: trainer.run(batches), options.blocks), arrays)


def inference(options):
    model = made(options, transformers.BertForSequenceClassification).eval().to(torch.bfloat16)
    arrays = gpu_arrays.sentence_batches(options.batches, options.lengths, options.tokens)
    batches = [tensors(batch) for batch in arrays]

    def logits(batch):
        return model(input_ids=batch["token_ids"], attention_mask=batch["padding_mask"]).logits

    logits = logits if options.model == "tiny" else torch.compile(logits, dynamic=False)

    @torch.inference_mode()
    def block():
        for answer in [logits(batch) for batch in batches]:
            answer.float().cpu()

    return of_sentences(block_seconds(block, options.blocks), arrays)


def tensors(batch: dict[str, np.ndarray]) -> dict[str, torch.Tensor]:
    return {name: torch.tensor(value, dtype=torch.int64, device=PLACE) for name, value in batch.items()}


def of_sentences(times, batches):
    return {"sentences": {**step_figures(times, len(batches), *gpu_arrays.size_of(batches)), **peak_gib()}}


def peak_gib():
    return {"peak_gib": torch.cuda.max_memory_allocated() / 2**30} if PLACE == "cuda" else {}


WORKLOADS = {
    "pretrain-128": lambda options: pretraining(options, 128),
    "pretrain-512": lambda options: pretraining(options, 512),
    "finetune": finetune,
    "inference": inference,
}

if __name__ == "__main__":
    options = parse_run(__doc__)
    device = torch.cuda.get_device_name(0) if PLACE == "cuda" else "CPU"
    write(options, device, WORKLOADS[options.workload](options))
