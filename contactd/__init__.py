"""contactd: an on-premises contact centre in one daemon, beside Asterisk and PostgreSQL."""

__version__ = "0.1.0.dev0"
