"""The stages of one submission, a file each: (context, submission) -> StageResult. What they leave is in the workspace."""
