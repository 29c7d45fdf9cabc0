"""Roles, and what each may do. A user has one role, and the queues that it counts for."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType


class Role(StrEnum):
    AGENT = "agent"
    SUPERVISOR = "supervisor"
    PLANNER = "planner"
    ADMIN = "admin"
    AUDITOR = "auditor"
    INTEGRATOR = "integrator"
    """A program, by a token: it signs in nowhere."""


class Right(StrEnum):
    OWN = "own"
    """The contacts of the agent that the user is, and that agent's status."""
    FLOOR = "floor"
    """Queues, agents and contacts, of the user's queues."""
    MANAGE = "manage"
    """Act for agents and on contacts that wait; open and close queues."""
    CUSTOMERS = "customers"
    """Look customers up, and read their records; written down."""
    AUDIT = "audit"
    """Who read and who acted."""


RIGHTS: Mapping[Role, frozenset[Right]] = MappingProxyType(
    {
        Role.AGENT: frozenset({Right.OWN, Right.CUSTOMERS}),
        Role.SUPERVISOR: frozenset({Right.OWN, Right.FLOOR, Right.MANAGE, Right.CUSTOMERS}),
        Role.PLANNER: frozenset({Right.FLOOR}),
        # Who gives rights to others has no need to read about customers.
        Role.ADMIN: frozenset({Right.FLOOR, Right.MANAGE, Right.AUDIT}),
        Role.AUDITOR: frozenset({Right.AUDIT}),
        Role.INTEGRATOR: frozenset({Right.FLOOR, Right.MANAGE}),
    }
)


def may(role: str, right: Right) -> bool:
    """A role that this version does not know may nothing.

    >>> may("agent", Right.OWN), may("agent", Right.FLOOR), may("king", Right.OWN)
    (True, False, False)
    """
    return role in RIGHTS and right in RIGHTS[Role(role)]
