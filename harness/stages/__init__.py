"""The stages of one submission, a file each: (context, submission) -> StageResult."""
