"""Fine-tune an expression model on a lab's cohort with the Trainer of transformers, maybe by LoRA on the modulators.

Run: python examples/finetune_with_trainer.py expression.yaml OUTPUT [--steps 100] [--lora]

The YAML is that of `variantformer train expression` with `model`: files, split, batch size, seed and learning rate come
from it. The Trainer gives its own checkpoints, schedules and trackers; for the paper's recipe, exact resume and the
cached element encoder use `variantformer train`.
"""

import argparse
from pathlib import Path

from transformers import Trainer, TrainingArguments

from variantformer_hf.data.examples import expression_dataset
from variantformer_hf.training.expression import set_up
from variantformer_hf.training.options import ExpressionOptions, read_options

# Attention of the two streams; the encoders have the same names below ``cre_encoder`` and ``gene_encoder``.
LORA_MODULES = r"model\.(cre|gene)_layers\.\d+\.(attention\.(qkv|out)|cross_attention\.(query|key_value|out))"


def main() -> None:
    """Train, and write a folder for ``from_pretrained``."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("config", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--lora", action="store_true", help="needs peft")
    arguments = parser.parse_args()
    options = read_options(arguments.config, ExpressionOptions)
    setup = set_up(options)
    model = setup.recipe.network
    if arguments.lora:
        from peft import LoraConfig, get_peft_model

        model = get_peft_model(model, LoraConfig(r=8, lora_alpha=16, target_modules=LORA_MODULES))
    trainer = Trainer(
        model=model,
        args=TrainingArguments(
            output_dir=str(arguments.output / "trainer"),
            max_steps=arguments.steps,
            per_device_train_batch_size=options.loop.batch_size,
            learning_rate=options.loop.optimizer.learning_rate,
            weight_decay=options.loop.optimizer.weight_decay,
            logging_steps=1,
            save_strategy="no",
            seed=options.loop.seed,
            remove_unused_columns=False,  # examples are not yet what the model takes: the collator makes that
            accelerator_config={"dispatch_batches": False},
            report_to="none",
        ),
        train_dataset=expression_dataset(setup.train, seed=options.loop.seed),
        data_collator=setup.recipe.collate,
    )
    trainer.train()
    trained = trainer.model.merge_and_unload() if arguments.lora else trainer.model
    folder = arguments.output / "model"
    folder.mkdir(parents=True, exist_ok=True)
    setup.recipe.save(trained, folder)
    print(folder)


if __name__ == "__main__":
    main()
