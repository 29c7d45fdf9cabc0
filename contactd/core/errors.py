"""The root of every error that contactd raises on purpose."""


class ContactdError(Exception):
    """Its message is the sentence an operator reads, with the remedy."""


class FloorBug(ContactdError):
    """An event that cannot follow from the floor's state: a bug in decide(), or a journal of another floor."""
