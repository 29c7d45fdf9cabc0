"""The root of every error that contactd raises on purpose."""


class ContactdError(Exception):
    """Its message is the sentence an operator reads, with the remedy."""
