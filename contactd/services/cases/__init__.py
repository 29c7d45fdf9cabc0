"""Cases: what customers want done, by number, owner, status and answer target, across contacts and media."""
