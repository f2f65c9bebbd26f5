"""The picture of the quickstart: how the model learned, and what pretraining was good for."""

from pathlib import Path


def draw(path: Path, pretraining: dict, tuned: dict, untrained: dict, majority: float) -> Path:
    """Three panels: the pretraining loss, the pretraining accuracies, and the accuracy of fine-tuning by epoch.

    Args:
        path: of the PNG to write.
        pretraining: the history of pretraining, with `steps`.
        tuned, untrained: the histories of fine-tuning with and without pretraining.
        majority: the accuracy of always answering the most frequent label.
    """
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    figure, (loss, accuracy, fine_tuning) = plt.subplots(1, 3, figsize=(13, 4), layout="constrained")
    steps = pretraining["steps"]
    loss.plot(steps, pretraining["masked_lm_loss"], color="#9aa5b1", label="training")
    loss.plot(steps, pretraining["val_masked_lm_loss"], color="#1f6feb", label="held-out documents")
    loss.set(title="Pretraining: masked-LM loss", xlabel="step", ylabel="cross-entropy in nats")

    accuracy.plot(steps, pretraining["val_masked_lm_accuracy"], color="#1f6feb", label="masked words")
    accuracy.plot(steps, pretraining["val_next_sentence_accuracy"], color="#d9822b", label="next sentence")
    accuracy.axhline(0.5, color="#d9822b", linestyle=":", linewidth=1, label="next sentence by chance")
    accuracy.set(title="Pretraining: held-out accuracy", xlabel="step", ylim=(0, 1))

    epochs = range(1, len(tuned["val_accuracy"]) + 1)
    fine_tuning.plot(epochs, tuned["val_accuracy"], color="#1f6feb", label="pretrained")
    fine_tuning.plot(epochs, untrained["val_accuracy"], color="#9aa5b1", label="not pretrained")
    fine_tuning.axhline(majority, color="#57606a", linestyle=":", linewidth=1, label="most frequent label")
    fine_tuning.set(title="Fine-tuning: test accuracy", xlabel="epoch", ylim=(0, 1))
    for panel in (loss, accuracy, fine_tuning):
        panel.legend(frameon=False)
        panel.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=120)
    plt.close(figure)
    return path
