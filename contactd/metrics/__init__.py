"""Every number Prometheus reads: counted as facts happen, or read from the floor and the parts when asked.

Base units; labels are bounded by the code and the configuration (queues, PBXes, outcomes), never a contact, an agent or
a number. docs/metrics.rst lists them all, and a test compares.
"""

from contactd.metrics.cases import CaseFigures, CaseMetrics
from contactd.metrics.certificates import SIP_CERTIFICATE_END, watch_certificates
from contactd.metrics.floor import FloorMetrics
from contactd.metrics.jobs import JobFigures, JobMetrics, Retained
from contactd.metrics.readings import PbxReading, Readings
from contactd.metrics.registry import (
    AMI_EVENT_LAG_SECONDS,
    AMI_HEARTBEAT_SECONDS,
    CONFIG_LOADED_AT,
    CONFIG_RELOADS,
    CONFIG_RESTART_PENDING,
    CUSTOMER_LOOKUP_OPEN,
    CUSTOMER_LOOKUP_SECONDS,
    CUSTOMER_LOOKUP_VALUES_REFUSED,
    CUSTOMER_LOOKUPS,
    CUSTOMER_MATCH_SECONDS,
    CUSTOMER_MATCHES,
    HISTORY_SEQ,
    HISTORY_SKIPPED,
    LISTENING_REFUSED,
    LOOP_LAG_SECONDS,
    POSTGRESQL_SECONDS,
    RECORDING_FREE_BYTES,
    RECORDING_OLDEST_SECONDS,
    RECORDING_TROUBLE,
    RECORDINGS_WAITING,
    REGISTRY,
    STANDBY,
    STEP_SECONDS,
    TURN_SECONDS,
    VOICEMAIL_OLDEST_SECONDS,
    VOICEMAILS_WAITING,
    WEB_CONNECTIONS_CUT,
    exposition,
)
from contactd.metrics.webhooks import HookFigures, WebhookMetrics

__all__ = [
    "AMI_EVENT_LAG_SECONDS",
    "AMI_HEARTBEAT_SECONDS",
    "CONFIG_LOADED_AT",
    "CONFIG_RELOADS",
    "CONFIG_RESTART_PENDING",
    "CUSTOMER_LOOKUPS",
    "CUSTOMER_LOOKUP_OPEN",
    "CUSTOMER_LOOKUP_SECONDS",
    "CUSTOMER_LOOKUP_VALUES_REFUSED",
    "CUSTOMER_MATCHES",
    "CUSTOMER_MATCH_SECONDS",
    "HISTORY_SEQ",
    "HISTORY_SKIPPED",
    "LISTENING_REFUSED",
    "LOOP_LAG_SECONDS",
    "POSTGRESQL_SECONDS",
    "RECORDINGS_WAITING",
    "RECORDING_FREE_BYTES",
    "RECORDING_OLDEST_SECONDS",
    "RECORDING_TROUBLE",
    "REGISTRY",
    "SIP_CERTIFICATE_END",
    "STANDBY",
    "STEP_SECONDS",
    "TURN_SECONDS",
    "VOICEMAILS_WAITING",
    "VOICEMAIL_OLDEST_SECONDS",
    "WEB_CONNECTIONS_CUT",
    "CaseFigures",
    "CaseMetrics",
    "FloorMetrics",
    "HookFigures",
    "JobFigures",
    "JobMetrics",
    "PbxReading",
    "Readings",
    "Retained",
    "WebhookMetrics",
    "exposition",
    "watch_certificates",
]
