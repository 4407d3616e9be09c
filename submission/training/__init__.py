"""The training: from rows to an adapter. The step is `trainer.Trainer.step`."""
