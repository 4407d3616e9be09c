"""What the course takes, as the assignment says it. A copy for the hand-in, which has no assignment."""

BASE_MODELS = ("Qwen3-4B", "Qwen3-tiny")
TARGET_MODULES = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
MAX_RANK = 64
MAX_BYTES = 100_000_000
STUDENT_ID = "[a-z][0-9]{8}"
# What is left out of a hand-in: patterns of the name of a file or of a folder above it.
IGNORED = (
    *(".git", ".venv", "venv", "*.egg-info", "__pycache__", ".ipynb_checkpoints", ".mypy_cache", ".pytest_cache"),
    *(".ruff_cache", ".hypothesis", "node_modules", "build", "dist", "runs", "__MACOSX", ".DS_Store"),
)
MAX_FILES = 2000
MAX_HAND_IN_BYTES = 50_000_000
