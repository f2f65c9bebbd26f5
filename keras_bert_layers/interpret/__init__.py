"""Seeing inside a model: attention, attributions, the worth of heads, probes, surprise and neighbours."""

from keras_bert_layers.interpret.attention_figure import attention_figure
from keras_bert_layers.interpret.attention_flow import attention_flow
from keras_bert_layers.interpret.attention_model import attention_model
from keras_bert_layers.interpret.attention_rollout import attention_rollout
from keras_bert_layers.interpret.attribution import Attribution
from keras_bert_layers.interpret.attribution_figure import attribution_figure
from keras_bert_layers.interpret.gradient_x_input import gradient_x_input
from keras_bert_layers.interpret.head_importance import head_ablation, head_importance, weakest_heads
from keras_bert_layers.interpret.head_importance_figure import head_importance_figure
from keras_bert_layers.interpret.head_masked_model import head_masked_model
from keras_bert_layers.interpret.inspection import Inspection, inspect
from keras_bert_layers.interpret.integrated_gradients import integrated_gradients
from keras_bert_layers.interpret.leave_one_out import leave_one_out
from keras_bert_layers.interpret.neighbours import nearest, nearest_tokens
from keras_bert_layers.interpret.page import Page, page
from keras_bert_layers.interpret.probe_layers import Probes, probe_layers
from keras_bert_layers.interpret.probes_figure import probes_figure
from keras_bert_layers.interpret.projector import write_projector
from keras_bert_layers.interpret.smooth_grad import smooth_grad
from keras_bert_layers.interpret.surprise import Surprise, pseudo_perplexity, surprise

__all__ = [
    "Attribution",
    "Inspection",
    "Page",
    "Probes",
    "Surprise",
    "attention_figure",
    "attention_flow",
    "attention_model",
    "attention_rollout",
    "attribution_figure",
    "gradient_x_input",
    "head_ablation",
    "head_importance",
    "head_importance_figure",
    "head_masked_model",
    "inspect",
    "integrated_gradients",
    "leave_one_out",
    "nearest",
    "nearest_tokens",
    "page",
    "probe_layers",
    "probes_figure",
    "pseudo_perplexity",
    "smooth_grad",
    "surprise",
    "weakest_heads",
    "write_projector",
]
