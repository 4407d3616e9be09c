"""What schemas say of their values, as messages. The descriptions that students read are marked here for translation.

A test holds the marked ones against the schema.
"""

from harness.language import Message, message

PREDICTIONS = (
    message("The id of the input row, copied"),
    message("The text that the model wrote"),
)


def described(about: str) -> Message:
    """Give a schema's description as a part of a sentence."""
    return Message(about.rstrip("."), {})
