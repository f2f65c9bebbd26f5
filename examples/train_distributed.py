"""Masked-LM pretraining from records on any number of devices and machines: the same command on every worker.

    python examples/prepare_pretraining.py folder/of/texts --output records --learn-vocabulary 8000 --objective none
    python examples/train_distributed.py --records records --batch-size 256 --steps 100000
    python examples/launch_local.py --workers 2 -- python examples/train_distributed.py --records records

Where it runs comes from the environment (`kbl.distribute.make_strategy`): one device, the GPUs of this machine, or the
workers that TF_CONFIG or Slurm names. `--batch-size` is the rows of a step on all devices together; with the same one,
the run is the same on any number of devices. `--accumulate 4` computes a step in four parts, for the memory of one.

The run may be killed, or lose a worker: the same command on all workers goes on from the last saved state, also on
another number of them. `--output` must be a folder that all workers see.

The first worker alone writes and shows progress: to `--output` (distributed-out) go the states (`states/`) and at the
end the model with its vocabulary (`pretrained/`, for `kbl.convert.from_pretrained`) and the numbers (`progress.json`).
With `--smoke` it takes half a minute on one core.
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # before TensorFlow is imported: no start-up messages

import argparse
import json
import sys
import warnings
from pathlib import Path

from quickstart_progress import clock, quiet_start

with quiet_start():
    import keras
    import pretrain_data
    import tensorflow as tf
    from pretrain_arguments import POLICIES
    from pretrain_models import unnoticed
    from text_input import refusing_bad_input

    import keras_bert_layers as kbl
    import keras_bert_layers.convert
    import keras_bert_layers.data
    import keras_bert_layers.distribute
    import keras_bert_layers.text

tf.get_logger().setLevel("ERROR")
# In place of the defaults, to see that all works.
SMOKE = {
    "batch_size": 8,
    "steps": 12,
    "num_layers": 1,
    "hidden_dim": 32,
    "checkpoint_every": 4,
    "evaluate_every": 6,
    "evaluation_batches": 2,
    "report_every": 3,
}


def main(command: list[str] | None = None) -> int:
    arguments = parse(command)
    try:
        with refusing_bad_input():
            with quiet_start():  # what TensorFlow's servers say when they begin
                strategy = kbl.distribute.make_strategy(arguments.batch_size, what_must_be_equal(arguments))
            sizes = kbl.distribute.replica_batch_sizes(arguments.batch_size, strategy)
            source, phase = open_records(arguments)
            model, config = build(arguments, source, phase, strategy)
            progress = kbl.training.TrainingProgress(arguments.steps, every=arguments.report_every, config=config)
            resume = kbl.training.Resume(
                arguments.output / "states",
                every=arguments.checkpoint_every,
                settings={**what_must_be_equal(arguments), **source.fingerprint, **config.to_dict()},
            )
            with kbl.distribute.watching(strategy):  # the workers also wait for each other to restore
                step = resume.restore(model, [progress])
                describe(arguments, source, model, config, strategy, sizes, step)
                train(arguments, source, phase, model, resume, progress, strategy)
            if kbl.distribute.is_chief(strategy):
                save(arguments, source, model, config, progress)
    except kbl.distribute.ClusterError as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nStopped. The same command goes on from the last saved state.", file=sys.stderr)
        return 130
    return 0


def parse(command: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__.split("\n\n")[0],
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--records", type=Path, required=True, help="a folder that prepare_pretraining.py wrote")
    parser.add_argument("--output", type=Path, default=Path("distributed-out"), help="folder that all workers see")
    parser.add_argument("--steps", type=int, default=10_000)
    parser.add_argument("--batch-size", type=int, default=256, help="rows of a step, on all devices together")
    parser.add_argument("--accumulate", type=int, default=1, help="parts in which each device computes a step")
    parser.add_argument("--precision", choices=POLICIES, default="float32")
    parser.add_argument("--ema", type=float, help="momentum of averaged weights, such as 0.999, which are then saved")
    parser.add_argument("--learning-rate", type=float, default=1e-4)
    parser.add_argument("--num-layers", type=int, default=4)
    parser.add_argument("--hidden-dim", type=int, default=256)
    parser.add_argument("--dropout", type=float, default=0.1)
    parser.add_argument("--mask-rate", type=float, default=0.15)
    parser.add_argument("--mask-strategy", choices=["token", "whole_word", "span"], default="token")
    parser.add_argument("--max-sequences", type=int, default=1, help="to pack into one row")
    parser.add_argument("--held-out", type=float, default=0.02, help="share of the shards to evaluate on")
    parser.add_argument("--evaluate-every", type=int, default=500, help="steps")
    parser.add_argument("--evaluation-batches", type=int, default=50)
    parser.add_argument("--checkpoint-every", type=int, default=500, help="steps")
    parser.add_argument("--report-every", type=int, default=50, help="steps")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--deterministic", action="store_true", help="the same bits again, at some cost of speed")
    parser.add_argument("--smoke", action="store_true", help="the smallest sizes, to see that all works")
    command = sys.argv[1:] if command is None else command
    if "--smoke" in command:
        parser.set_defaults(**SMOKE)
    return parser.parse_args(command)


def what_must_be_equal(arguments) -> dict:
    """On all workers, and in all parts of a run: what its numbers depend on."""
    others = ("records", "output", "evaluate_every", "evaluation_batches", "checkpoint_every", "report_every", "smoke")
    return {name: value for name, value in vars(arguments).items() if name not in others}


def open_records(arguments) -> tuple[pretrain_data.Records, pretrain_data.Phase]:
    """The data, and the one part of the run."""
    keras.utils.set_random_seed(arguments.seed)
    if arguments.deterministic:
        tf.config.experimental.enable_op_determinism()
    keras.config.set_dtype_policy(POLICIES[arguments.precision])
    source = pretrain_data.Records(argparse.Namespace(**{**vars(arguments), "records": [arguments.records]}), 1)
    if source.objective != "none":
        raise ValueError(
            f"The records in {arguments.records} are pairs of sentences ({source.objective}), and this program trains "
            "on single segments. Prepare them with `--objective none`."
        )
    length = pretrain_data.record_length(arguments.records)
    return source, pretrain_data.Phase(0, length, arguments.batch_size, 0, arguments.steps)


def build(arguments, source, phase, strategy) -> tuple[keras.Model, kbl.models.BertConfig]:
    """The compiled model, prepared for the devices of the strategy, and its configuration."""
    config = kbl.models.BertConfig(
        vocabulary_size=source.tokenizer.vocabulary_size,
        max_sequence_length=phase.sequence_length,
        num_layers=arguments.num_layers,
        hidden_dim=arguments.hidden_dim,
        num_heads=max(1, arguments.hidden_dim // 64),
        intermediate_dim=4 * arguments.hidden_dim,
        dropout=arguments.dropout,
        attention_dropout=arguments.dropout,
    )
    average = {} if arguments.ema is None else {"use_ema": True, "ema_momentum": arguments.ema}
    with strategy.scope():
        model = masked_lm(config, source.packed)
        model.compile(
            kbl.training.adamw(arguments.learning_rate, arguments.steps, arguments.steps // 10, **average),
            loss=kbl.training.MaskedLMLoss(),
            weighted_metrics=[kbl.training.MaskedLMAccuracy()],
        )
    return kbl.distribute.prepare(model, gradient_accumulation=arguments.accumulate), config


def masked_lm(config, packed: bool) -> keras.Model:
    return kbl.models.masked_lm(kbl.models.bert_encoder(config, pooler=False, packed=packed))


def describe(arguments, source, model, config, strategy, sizes, step: int) -> None:
    if not kbl.distribute.is_chief(strategy):
        return
    print(f"data     {source.description}, a vocabulary of {config.vocabulary_size:,}")
    print(f"model    {model.count_params():,} weights: {config.num_layers} layers of {config.hidden_dim}")
    shown = " or ".join(str(size) for size in sorted(set(sizes)))
    parts = f", in {arguments.accumulate} parts" if arguments.accumulate > 1 else ""
    workers = kbl.distribute.worker().count
    print(f"devices  {len(sizes)} on {workers} worker(s): {arguments.batch_size} rows a step, {shown} on each{parts}")
    if step:
        print(f"states   going on after step {step:,}")
    print(flush=True)


def train(arguments, source, phase, model, resume, progress, strategy) -> None:
    def rows_from(step):
        return kbl.distribute.batches(
            lambda share: progress.watch(source.training(phase, step, share), step, share), strategy
        )

    held_out = None
    if arguments.held_out:
        held_out = kbl.distribute.batches(lambda share: source.held_out(phase, share), strategy)
    resume.fit(
        model,
        rows_from,
        until=arguments.steps,
        steps_per_epoch=arguments.evaluate_every,
        validation_data=held_out,
        callbacks=[progress],
        verbose=0,
    )


def save(arguments, source, model, config, progress) -> None:
    """Writes the model as others use it: in float32, for rows that are not packed."""
    with unnoticed("float32"):
        plain = masked_lm(config, packed=False)
    plain.set_weights(model.get_weights())
    path = arguments.output / "pretrained"
    kbl.convert.save_pretrained(plain, path, source.tokenizer, overwrite=True)
    (arguments.output / "progress.json").write_text(json.dumps(progress.rows, indent=1), encoding="utf-8")
    last = progress.rows[-1]
    print(f"\nDone: {progress.step:,} steps in {clock(last['seconds'])} minutes.\n")
    for name, label in {"loss": "loss", "val_loss": "held-out loss"}.items():
        if name in last:
            print(f"{label:<15}{last[name]:.4f}")
    print(f"{'model':<15}{path}")


if __name__ == "__main__":
    warnings.showwarning = lambda message, *_: print(f"Warning: {message}", file=sys.stderr)
    sys.exit(main())
