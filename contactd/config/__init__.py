"""One file says everything an admin sets, one beside it every secret. Both are checked whole, then frozen."""

from contactd.config.loading import DEFAULT_PATH, control_socket, database_access, load, pbx_names
from contactd.config.problems import ConfigErrors, Problem
from contactd.config.sections import (
    AgentSection,
    Agi,
    Ctl,
    Database,
    Line,
    Menu,
    Pbx,
    Privacy,
    Queue,
    SignIn,
    Spool,
    Web,
)
from contactd.config.settings import Secrets, Settings

__all__ = [
    "DEFAULT_PATH",
    "AgentSection",
    "Agi",
    "ConfigErrors",
    "Ctl",
    "Database",
    "Line",
    "Menu",
    "Pbx",
    "Privacy",
    "Problem",
    "Queue",
    "Secrets",
    "Settings",
    "SignIn",
    "Spool",
    "Web",
    "control_socket",
    "database_access",
    "load",
    "pbx_names",
]
