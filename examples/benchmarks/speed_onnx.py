"""ONNX Runtime in the comparison of speed: everything that predicts. `speed.py` runs it.

The checkpoint is exported by PyTorch, its graph fused by ONNX Runtime's transformer optimizer, and for `int8` its
matrices quantized dynamically. The files are made once, beside the checkpoint. Batches are padded to their longest
text, in the order given and sorted by length.
"""

import numpy as np
import onnxruntime
import transformers
from speed_arguments import parse_run, run_workload
from speed_encoders import encoder_workloads
from speed_onnx_files import make_files


class OnnxRuntime:
    """The checkpoint in one form, ready for strings and for ids."""

    def __init__(self, options):
        self.tokenizer = transformers.AutoTokenizer.from_pretrained(options.checkpoint)
        settings = onnxruntime.SessionOptions()
        settings.intra_op_num_threads = options.threads
        settings.inter_op_num_threads = 1
        available = onnxruntime.get_available_providers()
        providers = [name for name in ("CUDAExecutionProvider", "CPUExecutionProvider") if name in available]
        file = make_files(options.checkpoint)[options.form]
        self.session = onnxruntime.InferenceSession(file, settings, providers=providers)
        self.names = [each.name for each in self.session.get_inputs()]

    def encode(self, texts):
        return self.tokenizer(texts, truncation=True, max_length=512)

    def logits(self, encoding):
        features = self.tokenizer.pad(encoding, return_tensors="np")
        return self._run(features["input_ids"], features["attention_mask"])

    def forward(self, token_ids):
        """Ids int [B, S] without padding -> logits."""
        return self._run(token_ids, np.ones_like(token_ids))

    def _run(self, ids, mask):
        features = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
        return self.session.run(None, {name: features[name].astype("int64") for name in self.names})[0]


WORKLOADS = encoder_workloads(OnnxRuntime)

if __name__ == "__main__":
    run_workload(parse_run(__doc__, WORKLOADS), WORKLOADS, ["onnxruntime", "onnx", "transformers"])
