"""Findings about the student's programs: get_prompt and get_bnb_config, and run.sh."""

from collections.abc import Mapping

from harness.language import message
from harness.model.catalogue.entry import Entry

RENDER: Mapping[str, Entry] = {
    "REN001": Entry(
        severity="error",
        title=message("get_prompt not found"),
        why=message("The score is taken on your prompts. Without the function there are none."),
        fix=message("Define get_prompt(instruction) in one of the listed files."),
        wrong="prompts.py: def make_prompt(text): ...",
        right="utils.py: def get_prompt(instruction): ...",
    ),
    "REN002": Entry(
        severity="error",
        title=message("get_prompt or get_bnb_config failed"),
        why=message(
            "The functions are called in a fresh Python without network or GPU; whatever they raise ends the stage."
        ),
        fix=message("Call it in a fresh Python and mend what it raises."),
        wrong="utils.py: tokenizer = AutoTokenizer.from_pretrained('Qwen/Qwen3-4B')",
        right="python3 -c 'from utils import get_prompt; print(get_prompt(\"test\"))'",
    ),
    "REN003": Entry(
        severity="error",
        title=message("get_prompt returned something unusable"),
        why=message(
            "The score is only fair if the model is really asked what the row says, within the same length for all."
        ),
        fix=message("Return a string that holds the instruction, within the limit."),
        wrong="def get_prompt(instruction): print(instruction)",
        right="def get_prompt(instruction): return f'USER: {instruction} ASSISTANT:'",
    ),
    "REN004": Entry(
        severity="error",
        title=message("quantisation is not the assignment's"),
        why=message("All adapters are scored on the same quantised base model. Other settings would be another model."),
        fix=message("Make get_bnb_config return 4-bit NF4 as the assignment says."),
        wrong="BitsAndBytesConfig(load_in_8bit=True)",
        right="BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_type='nf4')",
    ),
    "REN005": Entry(
        severity="error",
        title=message("rendering prompts took too long or too much"),
        why=message(
            "Putting a text around an instruction takes microseconds: a function that takes minutes loads or computes something else."
        ),
        fix=message("Keep get_prompt a plain text function."),
        wrong="def get_prompt(instruction): return pipeline('translation')(instruction)",
        right="def get_prompt(instruction): return f'USER: {instruction} ASSISTANT:'",
    ),
}
RUN: Mapping[str, Entry] = {
    "RUN001": Entry(
        severity="error",
        title=message("run.sh took longer than its time budget"),
        why=message("It is ended at the limit. Predictions that are not written by then do not count."),
        fix=message("Predict in batches; write progress to see where time goes."),
        wrong="for row in rows: model.generate(**tokenizer(row))",
        right="for batch in batches(rows, 32): model.generate(**tokenizer(batch, padding=True))",
    ),
    "RUN002": Entry(
        severity="error",
        title=message("run.sh went over a resource limit"),
        why=message(
            "Memory, GPU memory, disk, processes and output are limited, the same for all. Whoever goes over is ended."
        ),
        fix=message("Use a smaller batch, or write less."),
        wrong="per_device_eval_batch_size=512",
        right="per_device_eval_batch_size=16",
    ),
    "RUN003": Entry(
        severity="error",
        title=message("run.sh ended with an error"),
        why=message("A script that fails is not trusted to have written all predictions, so none are taken."),
        fix=message(
            "Mend what its last lines say, then try `bash run.sh BASE ADAPTER INPUT OUTPUT`; all of it is in logs/."
        ),
        wrong="ModuleNotFoundError: No module named 'my_package'",
        right="bash run.sh Qwen3-4B adapter_checkpoint public_test.json out.json; echo $?",
    ),
    "RUN004": Entry(
        severity="error",
        title=message("run.sh wrote no predictions"),
        why=message("Predictions are read from the path that run.sh is given, and from nowhere else."),
        fix=message("Write the predictions to the path in $4."),
        wrong="json.dump(rows, open('output.json', 'w'))",
        right="json.dump(rows, open(sys.argv[4], 'w'), ensure_ascii=False)",
    ),
    "RUN005": Entry(
        severity="error",
        title=message("run.sh used a command that is not there"),
        why=message("The script ends with exit code 127 before it has predicted anything."),
        fix=message(
            "Check the spelling in the line it names; if it is right, the image lacks it, and run.sh has no network to get it."
        ),
        wrong="conda run -n hw3 python predict.py",
        right='python3 predict.py "$1" "$2" "$3" "$4"',
    ),
}
