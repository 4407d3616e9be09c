"""Findings of the gate for adapters."""

from collections.abc import Mapping

from harness.language import message
from harness.model.catalogue.entry import Entry

ADMIT: Mapping[str, Entry] = {
    "ADM001": Entry(
        severity="error",
        title=message("adapter file is missing"),
        why=message(
            "An adapter is two files: how it is built, and its weights. One without the other cannot be loaded."
        ),
        fix=message('Save with `model.save_pretrained("adapter_checkpoint")` and hand in both files.'),
        wrong="adapter_checkpoint/adapter_model.safetensors",
        right="adapter_checkpoint/adapter_config.json adapter_checkpoint/adapter_model.safetensors",
    ),
    "ADM002": Entry(
        severity="error",
        title=message("adapter is a pickle"),
        why=message("A pickle can run code when it is opened, so the grader never opens one."),
        fix=message("Convert it: load it and save with `safe_serialization=True`."),
        wrong="adapter_checkpoint/adapter_model.bin",
        right="model.save_pretrained('adapter_checkpoint', safe_serialization=True)",
    ),
    "ADM003": Entry(
        severity="error",
        title=message("adapter is too large"),
        why=message("The assignment limits the size, so that all compete with the same means. The file is not scored."),
        fix=message("Save it in bf16 (half of fp32) or with a smaller rank."),
        wrong=message("132 MB: rank 16 on all linear layers, saved in fp32"),
        right="model.to(torch.bfloat16).save_pretrained('adapter_checkpoint')",
    ),
    "ADM004": Entry(
        severity="error",
        title=message("adapter config cannot be read"),
        why=message("Without it nobody knows rank, scale and modules of the weights."),
        fix=message("Hand in the `adapter_config.json` that peft wrote."),
        wrong='{"r": 16, "lora_alpha": 32,}',
        right='{"r": 16, "lora_alpha": 32}',
    ),
    "ADM005": Entry(
        severity="error",
        title=message("adapter is for another base model"),
        why=message(
            "An adapter is a correction of one model's weights; on another model it gives nonsense, or does not fit at all."
        ),
        fix=message("Train on the base model of the assignment."),
        wrong='"base_model_name_or_path": "Qwen/Qwen3-1.7B"',
        right='"base_model_name_or_path": "Qwen/Qwen3-4B"',
    ),
    "ADM006": Entry(
        severity="error",
        title=message("adapter kind or setting is not allowed"),
        why=message(
            "Other kinds and settings change what is compared, or bring code or weights along that nobody checked."
        ),
        fix=message("Use a plain LoRA adapter within the limits of the assignment."),
        wrong='"modules_to_save": ["lm_head"], "r": 256',
        right='"modules_to_save": null, "r": 16',
    ),
    "ADM007": Entry(
        severity="error",
        title=message("adapter weights file is damaged"),
        why=message("The file does not hold what its header says: mostly an upload or a download that broke off."),
        fix=message("Save the adapter again and check the upload's SHA-256."),
        wrong=message("a file that is shorter than the one that was uploaded"),
        right="sha256sum adapter_checkpoint/adapter_model.safetensors",
    ),
    "ADM008": Entry(
        severity="error",
        title=message("adapter tensors do not fit the base model"),
        why=message(
            "Names or shapes are those of another model, or tensors are there that are no LoRA weights: it cannot be loaded as it is."
        ),
        fix=message("Train on the base model of the assignment, with its shapes."),
        wrong="base_model.model.lm_head.weight [151936, 2560]",
        right="base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight [16, 2560]",
    ),
    "ADM009": Entry(
        severity="error",
        title=message("adapter has NaN or infinite values"),
        why=message("With one such value every answer of the model is undefined: the training ran away."),
        fix=message("Lower the learning rate or clip gradients, and train again."),
        wrong="{'loss': nan, 'learning_rate': 0.01}",
        right="TrainingArguments(learning_rate=2e-4, max_grad_norm=1.0)",
    ),
    "ADM010": Entry(
        severity="error",
        title=message("adapter tensors and config disagree"),
        why=message(
            "The config says another rank or other modules than the weights have: they come from different runs, and the scale would be wrong."
        ),
        fix=message("Hand in config and weights of the same training run."),
        wrong=message('"r": 8 in the config, and rank 16 in the weights'),
        right="model.save_pretrained('adapter_checkpoint')",
    ),
}
