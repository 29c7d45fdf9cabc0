"""Who is offered to whom: docs/routing.rst. Pure."""
