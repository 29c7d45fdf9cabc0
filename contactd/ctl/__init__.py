"""contactctl: for admins and scripts, over a unix socket. explain reads PostgreSQL and needs no daemon."""
