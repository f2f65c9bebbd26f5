"""BERT once more, slowly: NumPy in float64, written from the papers' equations and from nothing else.

The parity tests hold the library against it. One function an equation, loops where a loop is plainer than an index;
weights come in dicts under the papers' letters. Everything is about one example: there is no batch.

    [V]  Vaswani et al. 2017, Attention Is All You Need, arXiv:1706.03762
    [D]  Devlin et al. 2019, BERT, arXiv:1810.04805
    [B]  Ba, Kiros and Hinton 2016, Layer Normalization, arXiv:1607.06450
    [H]  Hendrycks and Gimpel 2016, Gaussian Error Linear Units, arXiv:1606.08415
    [L]  Lan et al. 2020, ALBERT, arXiv:1909.11942
    [X]  Xiong et al. 2020, On Layer Normalization in the Transformer Architecture, arXiv:2002.04745
    [K]  Krell et al. 2021, Efficient Sequence Packing, arXiv:2107.02027
"""

import math

import numpy as np


def gelu(x):
    """x Φ(x), Φ the distribution function of the standard normal ([H] section 2)."""
    return np.array([value * (1 + math.erf(value / math.sqrt(2))) / 2 for value in np.ravel(x)]).reshape(np.shape(x))


def affine(x, W, b):
    """x W + b for a row x, or for every row of x."""
    return x @ W + b


def layer_norm(x, g, b, epsilon):
    """[B] eqs. 3 and 4, for one vector. ε stands under the root, as in every implementation."""
    mu = sum(x) / len(x)
    sigma = math.sqrt(sum((x - mu) ** 2) / len(x) + epsilon)
    return g / sigma * (x - mu) + b


def layer_norm_rows(X, g, b, epsilon):
    return np.stack([layer_norm(x, g, b, epsilon) for x in X])


def softmax(scores):
    exponentials = np.exp(scores - max(scores))
    return exponentials / exponentials.sum()


def may_attend(i, j, padding_mask=None, attention_mask=None, pack_ids=None):
    """Whether query i may look at key j: j is real, the pair is allowed, and both are of one pack ([K] section 3.2)."""
    if padding_mask is not None and not padding_mask[j]:
        return False
    if attention_mask is not None and not attention_mask[i, j]:
        return False
    return pack_ids is None or (pack_ids[i] == pack_ids[j] and pack_ids[j] != 0)


def attention_probabilities(Q, K, masks):
    """softmax(Q Kᵀ / √d_k) of [V] eq. 1, over the allowed keys only; a query with none looks nowhere: zeros."""
    probabilities = np.zeros((len(Q), len(K)))
    for i, query in enumerate(Q):
        allowed = [j for j in range(len(K)) if may_attend(i, j, **masks)]
        if allowed:
            scores = np.array([query @ K[j] / math.sqrt(len(query)) for j in allowed])
            probabilities[i, allowed] = softmax(scores)
    return probabilities


def head_columns(width, heads):
    """The columns of W^Q, W^K, W^V that make each head's own matrix ([V] section 3.2.2, d_k = d_model / h)."""
    size = width // heads
    return [slice(head * size, (head + 1) * size) for head in range(heads)]


def head_probabilities(X, p, heads, masks):
    """What each head attends to: [heads, length, length]."""
    Q, K = affine(X, p["WQ"], p["bQ"]), affine(X, p["WK"], p["bK"])
    return np.stack([attention_probabilities(Q[:, c], K[:, c], masks) for c in head_columns(X.shape[1], heads)])


def multi_head_attention(X, p, heads, masks):
    """Concat(head_1 … head_h) W^O ([V] section 3.2.2), with the biases of the BERT code."""
    V = affine(X, p["WV"], p["bV"])
    columns = head_columns(X.shape[1], heads)
    outputs = [A @ V[:, c] for A, c in zip(head_probabilities(X, p, heads, masks), columns, strict=True)]
    return affine(np.concatenate(outputs, axis=1), p["WO"], p["bO"])


def feed_forward(X, p, activation=gelu):
    """activation(x W1 + b1) W2 + b2 ([V] eq. 2; [D] section A.2 puts GELU for ReLU)."""
    return affine(activation(affine(X, p["W1"], p["b1"])), p["W2"], p["b2"])


def post_norm_block(X, p, heads, masks, epsilon=1e-12, activation=gelu):
    """LayerNorm(x + Sublayer(x)) twice ([V] section 3.1)."""
    Y = layer_norm_rows(X + multi_head_attention(X, p, heads, masks), p["g1"], p["h1"], epsilon)
    return layer_norm_rows(Y + feed_forward(Y, p, activation), p["g2"], p["h2"], epsilon)


def pre_norm_block(X, p, heads, masks, epsilon=1e-12, activation=gelu):
    """x + Sublayer(LayerNorm(x)) twice ([X] table 1)."""
    Y = X + multi_head_attention(layer_norm_rows(X, p["g1"], p["h1"], epsilon), p, heads, masks)
    return Y + feed_forward(layer_norm_rows(Y, p["g2"], p["h2"], epsilon), p, activation)


def embeddings(token_ids, segment_ids, position_ids, p, epsilon=1e-12):
    """LayerNorm(token + position + segment) ([D] figure 2), then E -> H if there is a projection ([L] section 3.1)."""
    rows = []
    for token, segment, position in zip(token_ids, segment_ids, position_ids, strict=True):
        total = p["tokens"][token] + p["positions"][position] + p["segments"][segment]
        rows.append(layer_norm(total, p["g"], p["h"], epsilon))
    X = np.stack(rows)
    return affine(X, p["W"], p["b"]) if "W" in p else X


def pooled(X, p):
    """tanh(W x_[CLS] + b) (the `pooler` of [D]'s code)."""
    return np.tanh(affine(X[0], p["W"], p["b"]))


def pool(X, padding_mask, how):
    """The first, the mean or the largest of the real tokens' vectors; zeros if there are none."""
    if how == "cls":
        return X[0]
    real = X if padding_mask is None else X[np.asarray(padding_mask, bool)]
    if len(real) == 0:
        return np.zeros(X.shape[1])
    return real.mean(axis=0) if how == "mean" else real.max(axis=0)


def masked_lm_scores(X, positions, p, epsilon=1e-12):
    """E LayerNorm(gelu(W x + b)) + c at each position ([D] section 3.1 and code); only c where it is negative."""
    rows = []
    for position in positions:
        if position < 0:
            rows.append(p["c"])
        else:
            transformed = layer_norm(gelu(affine(X[position], p["W"], p["b"])), p["g"], p["h"], epsilon)
            rows.append(p["E"] @ transformed + p["c"])
    return np.stack(rows)


def span_scores(X, p):
    """S · x_i and E · x_i ([D] section 4.2), with the biases of the code."""
    both = affine(X, p["W"], p["b"])
    return both[:, 0], both[:, 1]


def encoder(token_ids, segment_ids, padding_mask, p, heads):
    """Embeddings, then the blocks one after another: the last hidden states and the pooled output of one example."""
    X = embeddings(token_ids, segment_ids, range(len(token_ids)), p["embeddings"])
    for block in p["blocks"]:
        X = post_norm_block(X, block, heads, {"padding_mask": padding_mask})
    return X, pooled(X, p["pooler"])
