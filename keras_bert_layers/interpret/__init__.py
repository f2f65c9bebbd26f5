"""Seeing inside a model: attention, attributions, the worth of heads, probes, surprise and neighbours."""

from keras_bert_layers.interpret.attention_model import attention_model
from keras_bert_layers.interpret.attribution import Attribution
from keras_bert_layers.interpret.gradient_x_input import gradient_x_input
from keras_bert_layers.interpret.head_importance import head_ablation, head_importance, weakest_heads
from keras_bert_layers.interpret.head_masked_model import head_masked_model
from keras_bert_layers.interpret.inspection import Inspection, inspect
from keras_bert_layers.interpret.integrated_gradients import integrated_gradients
from keras_bert_layers.interpret.leave_one_out import leave_one_out
from keras_bert_layers.interpret.smooth_grad import smooth_grad

__all__ = [
    "Attribution",
    "Inspection",
    "attention_model",
    "gradient_x_input",
    "head_ablation",
    "head_importance",
    "head_masked_model",
    "inspect",
    "integrated_gradients",
    "leave_one_out",
    "smooth_grad",
    "weakest_heads",
]
