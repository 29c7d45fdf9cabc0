"""Signing in and out at the desk."""

from __future__ import annotations

import time
from collections.abc import Callable

import structlog
from aiohttp import web

from contactd.config import Settings
from contactd.core.errors import ContactdError
from contactd.metrics import DESK_SIGN_INS
from contactd.services.crm.recogniser import vault_with
from contactd.services.desk import codes
from contactd.services.desk.passwords import Checker
from contactd.services.desk.roles import RIGHTS, Role
from contactd.store.audit import Entry, Who
from contactd.store.desk import DeskStore, User, about
from contactd.web.desk.limits import Limits
from contactd.web.desk.routes import Asked, Refusal
from contactd.web.desk.sessions import Session, Sessions
from contactd.web.desk.shapes import Done, SessionView, SignIn
from contactd.web.desk.walls import answer
from contactd.web.surface import Trail

log = structlog.get_logger()

_DEVICE_S = 90 * 86400
_WRONG = "The name, the password or the code is wrong."


class Signing:
    """settings: those in force. address: who asks, as limits count them."""

    def __init__(
        self,
        store: DeskStore,
        sessions: Sessions,
        checker: Checker,
        settings: Callable[[], Settings],
        trail: Trail,
        address: Callable[[web.Request], str],
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store, self._sessions, self._checker = store, sessions, checker
        self._settings, self._trail, self._address, self._now = settings, trail, address, now
        self._limits = Limits()
        secure = settings().desk.reached_at.startswith("https://")
        self.secure = secure
        self.cookie = "__Host-contactd" if secure else "contactd"
        self._device = "__Host-contactd-device" if secure else "contactd-device"

    async def sign_in(self, request: web.Request, body: SignIn) -> web.Response:
        """Raises Refusal; a wrong name and a wrong password look and last the same."""
        user, address = body.user.strip().lower(), self._address(request)
        known = self._sessions.knows_device(user, request.cookies.get(self._device, ""))
        waits_s = self._limits.waits_s(user, address, known, self._now())
        if waits_s > 0:
            DESK_SIGN_INS.labels("limited").inc()
            raise Refusal(429, "wait", f"Too many wrong tries: wait {_words(waits_s)}, then try again.", waits_s)
        found = await self._store.user(user)
        # Counted before it is known: a hundred tries at once are a hundred tries.
        self._limits.wrong(user, address, known, self._now())
        right = await self._checker.right(found.password if found is not None else None, body.password)
        if found is None or not right:
            self._refused(user, found is not None, address, "wrong")
            raise Refusal(401, "wrong", _WRONG)
        if found.locked_at is not None:
            self._refused(user, True, address, "locked")
            raise Refusal(403, "locked", "This user is locked: an admin unlocks it (contactctl desk user unlock).")
        if found.totp is not None and not body.code:
            self._limits.right(user, address, known)
            raise Refusal(401, "code_needed", "Give the six digits of your telephone as well.")
        await self._check_code(found, body.code or "", address)
        self._limits.right(user, address, known)
        await self._renew(found, body.password)
        token, session = await self._sessions.open(found)
        DESK_SIGN_INS.labels("done").inc()
        self._trail.put(Entry(Who.at_desk(user), "desk", "desk sign-in", agent=session.agent, outcome=found.role))
        response = answer(self.view(session, self._sessions.csrf(token)))
        self._set(response, self.cookie, token, None)
        self._set(response, self._device, self._sessions.device(user), _DEVICE_S)
        return response

    async def _check_code(self, user: User, code: str, address: str) -> None:
        settings = self._settings()
        if user.totp is None:
            if user.role in settings.desk.codes_for:
                self._refused(user.name, True, address, "no_code")
                raise Refusal(403, "no_code", "This role needs one-time codes: an admin gives you a secret for them.")
            return
        secret = vault_with(settings.secrets.customers).open(user.totp, about(user.name))
        step = codes.step_of(secret, code.replace(" ", ""), time.time())
        if step is None or not await self._store.take_code(user.name, step):
            self._refused(user.name, True, address, "wrong_code")
            raise Refusal(401, "wrong", _WRONG)

    async def _renew(self, user: User, password: str) -> None:
        try:
            made = await self._checker.renewed(user.password or "", password)
            if made is not None:
                await self._store.rehash(user.name, user.password or "", made)
        except ContactdError as error:
            log.info("desk_password_not_renewed", desk_user=user.name, error=str(error))

    def _refused(self, user: str, known: bool, address: str, why: str) -> None:
        DESK_SIGN_INS.labels(why).inc()
        # A name that nobody has may be a password in the wrong field.
        log.warning("desk_sign_in_refused", desk_user=user if known else "unknown", why=why, address=address)
        if known:
            self._trail.put(Entry(Who.at_desk(user), "desk", "desk sign-in", outcome=f"refused: {why}"))

    def view(self, session: Session, csrf: str) -> SessionView:
        return SessionView(
            user=session.user,
            name=session.person or session.user,
            role=session.role,
            rights=sorted(RIGHTS[Role(session.role)]) if session.role in RIGHTS else [],
            agent=session.agent,
            queues=sorted(session.queues),
            csrf=csrf,
            language=session.language,
        )

    async def signed_in(self, asked: Asked) -> SessionView:
        token = asked.request.cookies.get(self.cookie, "")
        return self.view(asked.session, self._sessions.csrf(token) if token else "")

    async def sign_out(self, asked: Asked) -> web.StreamResponse:
        if asked.session.id:
            await self._sessions.end(asked.session, "signed_out")
        who = Who.at_desk(asked.session.user)
        self._trail.put(Entry(who, "desk", "desk sign-out", agent=asked.session.agent))
        response = answer(Done(done="signed_out"))
        response.del_cookie(self.cookie, path="/", secure=self.secure, httponly=True, samesite="Strict")
        return response

    def _set(self, response: web.Response, name: str, value: str, age_s: int | None) -> None:
        response.set_cookie(name, value, max_age=age_s, path="/", httponly=True, secure=self.secure, samesite="Strict")

    async def session_of(self, request: web.Request) -> tuple[Session | None, str]:
        """Who asks, and the CSRF token to be had with what changes something; empty: none is needed."""
        said = request.headers.get("Authorization", "")
        if said.startswith("Bearer "):
            return await self._integrator(request, said.removeprefix("Bearer ")), ""
        token = request.cookies.get(self.cookie, "")
        if not token or len(token) > 128:
            return None, ""
        return await self._sessions.find(token), self._sessions.csrf(token)

    async def _integrator(self, request: web.Request, token: str) -> Session | None:
        address = self._address(request)
        if self._limits.waits_s("", address, False, self._now()) > 0:
            raise Refusal(429, "wait", "Too many wrong tokens: wait.", 15)
        user = await self._store.user_of_token(token) if len(token) <= 128 else None
        if user is None:
            self._limits.wrong("", address, False, self._now())
            return None
        return Session(
            b"", user.name, user.person, user.role, None, frozenset(user.queues), user.language, 0.0, self._now()
        )


def _words(seconds: float) -> str:
    return f"{int(seconds) + 1} seconds" if seconds < 90 else f"{round(seconds / 60)} minutes"
