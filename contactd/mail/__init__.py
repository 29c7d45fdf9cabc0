"""Mailboxes outside: fetched into PostgreSQL, each by a task of its own."""
