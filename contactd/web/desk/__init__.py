"""The third door: the agent desk's page and its API. README.rst beside this file."""

from contactd.web.desk.door import DeskDoor, DeskRefused

__all__ = ["DeskDoor", "DeskRefused"]
