"""What people and programs beside the calls see: /metrics, /healthz, /readyz, and contactctl's unix socket."""

from contactd.web.server import serve_control, serve_standby, serve_web
from contactd.web.surface import Lobby, Surface

__all__ = ["Lobby", "Surface", "serve_control", "serve_standby", "serve_web"]
