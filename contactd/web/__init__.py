"""What people and programs beside the calls see: /metrics, /healthz, /readyz, and contactctl's unix socket."""

from contactd.web.server import serve_control, serve_standby, serve_web
from contactd.web.surface import Lobby, Promised, Surface

__all__ = ["Lobby", "Promised", "Surface", "serve_control", "serve_standby", "serve_web"]
