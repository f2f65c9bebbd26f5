"""The published models: name -> the fields in which they differ from the base of their kind.

Sizes: Devlin et al. 2019 (arXiv:1810.04805), section 3; the small ones: Turc et al. 2019 (arXiv:1908.08962), table 1;
ALBERT: Lan et al. 2020 (arXiv:1909.11942), table 1, and version 2 of the release for its dropout.
"""

_SIZES = {
    "tiny": {"num_layers": 2, "hidden_dim": 128},
    "mini": {"num_layers": 4, "hidden_dim": 256},
    "small": {"num_layers": 4, "hidden_dim": 512},
    "medium": {"num_layers": 8, "hidden_dim": 512},
    "base": {"num_layers": 12, "hidden_dim": 768},
    "large": {"num_layers": 24, "hidden_dim": 1024},
}
_VOCABULARIES = {
    "uncased": 30522,
    "cased": 28996,
    "multilingual_uncased": 105879,
    "multilingual_cased": 119547,
    "chinese": 21128,
}
_PUBLISHED = [
    *((size, "uncased") for size in _SIZES),
    ("base", "cased"),
    ("large", "cased"),
    ("base", "multilingual_uncased"),
    ("base", "multilingual_cased"),
    ("base", "chinese"),
]

PRESETS: dict[str, dict[str, int]] = {
    f"bert_{size}_{vocabulary}": {
        **_SIZES[size],
        # Every published BERT has heads of 64 and a feed-forward part four times as wide as the rest.
        "num_heads": _SIZES[size]["hidden_dim"] // 64,
        "intermediate_dim": 4 * _SIZES[size]["hidden_dim"],
        "vocabulary_size": _VOCABULARIES[vocabulary],
    }
    for size, vocabulary in _PUBLISHED
}

ALBERT_PRESETS: dict[str, dict[str, int]] = {
    f"albert_{size}": {
        "hidden_dim": hidden_dim,
        "num_layers": num_layers,
        "num_heads": num_heads,
        "intermediate_dim": 4 * hidden_dim,
    }
    for size, hidden_dim, num_layers, num_heads in [
        ("base", 768, 12, 12),
        ("large", 1024, 24, 16),
        ("xlarge", 2048, 24, 16),
        ("xxlarge", 4096, 12, 64),
    ]
}
