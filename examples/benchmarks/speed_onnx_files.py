"""A checkpoint as ONNX Runtime reads it: exported by PyTorch, fused by the transformer optimizer, and in eight bits."""

import tempfile
from pathlib import Path

import onnx
import torch
import transformers
from onnxruntime.quantization import QuantType, quantize_dynamic
from onnxruntime.transformers import optimizer


def make_files(checkpoint: Path) -> dict[str, Path]:
    """form -> file, made beside the checkpoint unless they are there."""
    files = {form: checkpoint / f"onnx-{form}.onnx" for form in ("float32", "int8")}
    if not all(file.exists() for file in files.values()):
        with tempfile.TemporaryDirectory(dir=checkpoint) as folder:
            exported, fused, quantized = (Path(folder) / f"{name}.onnx" for name in ("exported", "fused", "quantized"))
            config = export(checkpoint, exported)
            model = optimizer.optimize_model(
                str(exported), model_type="bert", num_heads=config.num_attention_heads, hidden_size=config.hidden_size
            )
            print(model.get_fused_operator_statistics())
            model.save_model_to_file(str(fused))
            # The types of what fused operators put out are not inferred; all of them are float32.
            default = {"DefaultTensorType": onnx.TensorProto.FLOAT}
            quantize_dynamic(fused, quantized, weight_type=QuantType.QInt8, extra_options=default)
            fused.rename(files["float32"])
            quantized.rename(files["int8"])
    return files


def export(checkpoint: Path, path: Path) -> transformers.PretrainedConfig:
    """Writes the classifier with free batch and length; gives its configuration."""
    model = transformers.AutoModelForSequenceClassification.from_pretrained(checkpoint, attn_implementation="eager")
    ids = torch.randint(1000, 2000, (2, 16))
    inputs = {"input_ids": ids, "attention_mask": torch.ones_like(ids), "token_type_ids": torch.zeros_like(ids)}
    axes = {name: {0: "batch", 1: "length"} for name in inputs}
    torch.onnx.export(
        model.eval(),
        tuple(inputs.values()),
        str(path),
        input_names=list(inputs),
        output_names=["logits"],
        dynamic_axes=axes | {"logits": {0: "batch"}},
        opset_version=17,
        dynamo=False,
    )
    return model.config
