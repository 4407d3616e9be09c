"""Findings about the predictions, and about the score."""

from collections.abc import Mapping

from harness.language import message
from harness.model.catalogue.entry import Entry

VALIDATE: Mapping[str, Entry] = {
    "VAL001": Entry(
        severity="error",
        title=message("predictions are not valid JSON"),
        why=message("One wrong character makes the whole file unreadable, so no prediction counts."),
        fix=message("Write them with `json.dump(rows, file, ensure_ascii=False)`."),
        wrong="file.write(str(rows))",
        right="json.dump(rows, file, ensure_ascii=False)",
    ),
    "VAL002": Entry(
        severity="error",
        title=message("predictions do not match the schema"),
        why=message(
            "The file is JSON, but not of the form that is read: which text belongs to which row would be a guess."
        ),
        fix=message("Write a list of objects with the strings `id` and `output`."),
        wrong='[{"id": 12, "prediction": "…"}]',
        right='[{"id": "12", "output": "…"}]',
    ),
    "VAL003": Entry(
        severity="error",
        title=message("ids are missing"),
        why=message("Each row of the input needs an answer: an average over fewer rows could not be compared."),
        fix=message("Write one prediction for each input row."),
        wrong="for row in rows[:100]:",
        right="for row in rows:",
    ),
    "VAL004": Entry(
        severity="error",
        title=message("ids are there twice"),
        why=message("With two answers to one row nobody knows which one is meant."),
        fix=message("Write each id once."),
        wrong="open(path, 'a')",
        right="open(path, 'w')",
    ),
    "VAL005": Entry(
        severity="error",
        title=message("ids are unknown"),
        why=message(
            "An id that is not in the input belongs to no row: it was changed on the way, or comes from another file."
        ),
        fix=message("Copy the ids of the input."),
        wrong='{"id": str(number), "output": text}',
        right='{"id": row["id"], "output": text}',
    ),
    "VAL006": Entry(
        severity="error",
        title=message("predictions are empty"),
        why=message(
            "An empty answer mostly means that the wrong part of the model's text was cut off, or that it stopped at once."
        ),
        fix=message("Check that the prompt is cut off and the stop condition is right."),
        wrong="text = tokenizer.decode(ids[0]).split('ASSISTANT:')[0]",
        right="text = tokenizer.decode(ids[0, prompt_length:], skip_special_tokens=True)",
    ),
}
SCORE: Mapping[str, Entry] = {
    "SCO001": Entry(
        severity="error",
        title=message("the adapter cannot be scored"),
        why=message(
            "It passed the gate, but the library that loads it refuses it, so there is no perplexity and no points for it."
        ),
        fix=message("Load it with peft on the base model and mend what is raised."),
        wrong="RuntimeError: size mismatch for q_proj.lora_A",
        right="PeftModel.from_pretrained(base, 'adapter_checkpoint')",
    ),
    "SCO002": Entry(
        severity="error",
        title=message("perplexity is not finite"),
        why=message("A perplexity of infinity or NaN cannot be compared with a threshold."),
        fix=message("Check the adapter's values: the model gives no probability to the answers."),
        wrong=message("an adapter with huge values, from a learning rate that was too high"),
        right="TrainingArguments(learning_rate=2e-4, max_grad_norm=1.0)",
    ),
    "SCO003": Entry(
        severity="error",
        title=message("a prompt leaves no room for its output"),
        why=message(
            "Prompt and answer together are cut to a number of tokens. If the prompt fills it, there is no answer left to score."
        ),
        fix=message("Make get_prompt's text shorter."),
        wrong="return TEN_EXAMPLES + instruction",
        right="return ONE_EXAMPLE + instruction",
    ),
}
