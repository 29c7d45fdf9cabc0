"""The one error of every protocol in this folder."""


class ProtocolError(Exception):
    """The peer broke the protocol or a limit; nothing more can be read from this connection.

    Its message is a sentence with the remedy. The layer that owns the connection closes it and tells the
    operator. (Not a ContactdError: protocols and core are siblings that never import each other.)
    """
