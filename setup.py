"""Package metadata; tool settings are in pyproject.toml."""

import re
from pathlib import Path

from setuptools import find_packages, setup

HERE = Path(__file__).parent
VERSION = re.search(r'__version__ = "(.+)"', (HERE / "keras_bert_layers/version.py").read_text(encoding="utf-8"))[1]

EXTRAS = {
    "examples": ["matplotlib>=3.9"],
    "docs": ["mkdocs>=1.6,<2", "mkdocs-material>=9.5,<10", "mkdocstrings[python]>=0.30", "latex2mathml>=3.77"],
    "convert": ["safetensors>=0.4", "huggingface_hub>=0.26"],
    "beam": ["apache-beam>=2.77,<3"],
    "chinese": ["jieba>=0.42.1"],
    "serving": ["tensorflow-serving-api>=2.21,<2.22"],
    "browser": ["playwright>=1.50"],  # the tests of the page of explanations; it drives the system's Chromium
    "parity": ["torch>=2.4", "transformers>=4.57", "safetensors>=0.4", "captum>=0.7"],
}
EXTRAS["test"] = [
    *("pytest>=8", "pytest-xdist>=3.6", "ruff>=0.14", "pydot>=3"),
    *EXTRAS["examples"],
    *EXTRAS["docs"],
    *EXTRAS["convert"],
]

setup(
    name="keras_bert_layers",
    version=VERSION,
    description="BERT as composable Keras 3 layers on TensorFlow: from raw text to a served model",
    long_description=(HERE / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    license_files=["LICENSE"],
    python_requires=">=3.11",
    packages=find_packages(include=["keras_bert_layers", "keras_bert_layers.*"]),
    package_data={"keras_bert_layers.interpret": ["page_files/*"], "keras_bert_layers.serving": ["operation_lists/*"]},
    install_requires=[
        "tensorflow>=2.21,<2.22",
        "tensorflow-text>=2.21.1,<2.22",
        "keras>=3.15,<4",
        "keras-nlp>=0.32,<1",
        "flatbuffers>=24",  # writes the tokenizer's character table; TensorFlow brings it anyway
        *EXTRAS["examples"],  # the quickstart, which needs nothing but the installed package, draws a picture
    ],
    extras_require=EXTRAS,
    classifiers=[
        "Development Status :: 3 - Alpha",
        "Intended Audience :: Developers",
        "Intended Audience :: Science/Research",
        "Programming Language :: Python :: 3",
        "Topic :: Scientific/Engineering :: Artificial Intelligence",
        "Topic :: Text Processing :: Linguistic",
    ],
)
