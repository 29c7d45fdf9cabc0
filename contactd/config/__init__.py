"""Files say everything an admin sets, one beside them every secret. All of it is checked whole, then frozen."""

from contactd.config.calendars import calendars_of
from contactd.config.loading import (
    DEFAULT_PATH,
    calendars,
    control_socket,
    customers_access,
    database_access,
    load,
    pbx_names,
)
from contactd.config.plan import Change, Plan
from contactd.config.problems import ConfigErrors, Problem
from contactd.config.sections import (
    AgentSection,
    Agi,
    Ctl,
    CustomerField,
    Customers,
    CustomerSecrets,
    Database,
    Jobs,
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
    "Change",
    "ConfigErrors",
    "Ctl",
    "CustomerField",
    "CustomerSecrets",
    "Customers",
    "Database",
    "Jobs",
    "Line",
    "Menu",
    "Pbx",
    "Plan",
    "Privacy",
    "Problem",
    "Queue",
    "Secrets",
    "Settings",
    "SignIn",
    "Spool",
    "Web",
    "calendars",
    "calendars_of",
    "control_socket",
    "customers_access",
    "database_access",
    "load",
    "pbx_names",
]
