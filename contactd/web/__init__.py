"""What people and programs beside the calls see: /metrics, /healthz, and contactctl's unix socket."""

from contactd.web.server import serve_control, serve_web

__all__ = ["serve_control", "serve_web"]
