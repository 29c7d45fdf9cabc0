// The event stream: the newest picture, whole, whenever something changed. Lost, it is opened again, each desk at a
// moment of its own: fifty desks must not knock at once.
import { effect } from "./lib.js";
import { ask } from "./api.js";
import { link, me, over, session, take } from "./state.js";

const FIRST_S = 0.3;
const LONGEST_S = 15;
const SESSION_OVER = 4401;

/** @type {WebSocket | null} */
let socket = null;
let tries = 0;
let timer = 0;

/** Follow the session. */
export function follow() {
  // Of another user it is another stream.
  let user = "";
  effect(() => {
    const signed = session.value?.csrf ?? "";
    if (signed === user) return;
    user = signed;
    tries = 0;
    close();
    if (signed) open();
  });
  // A computer that wakes has a socket that looks open: a new one is sure.
  addEventListener("online", again);
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden && link.value !== "open") again();
  });
  addEventListener("offline", () => socket?.close());
}

function again() {
  tries = 0;
  if (!session.peek()) return;
  close();
  open();
}

function close() {
  clearTimeout(timer);
  const old = socket;
  socket = null;
  old?.close();
}

function open() {
  const shown = me.peek();
  const query = new URLSearchParams({ epoch: String(shown?.epoch ?? 0), seq: String(shown?.seq ?? 0) });
  const here = new WebSocket(`${location.origin.replace("http", "ws")}/api/v1/events?${query}`);
  socket = here;
  if (link.peek() !== "lost") link.value = "connecting";
  here.onopen = () => {
    tries = 0;
    link.value = "open";
  };
  here.onmessage = ({ data }) => {
    const message = JSON.parse(data);
    if (message.type === "me") take(message.me);
  };
  here.onclose = ({ code }) => {
    if (socket !== here) return;
    socket = null;
    link.value = "lost";
    if (code === SESSION_OVER) return over(false);
    const most = Math.min(LONGEST_S, FIRST_S * 2 ** tries++);
    timer = window.setTimeout(() => void reopen(), 1000 * most * (0.5 + Math.random() / 2));
  };
}

/** A refused handshake does not say why: asking does. */
async function reopen() {
  try {
    await ask("GET", "/session");
  } catch (error) {
    const { http } = /** @type {import("./api.js").Refused} */ (error);
    if (http === 401) return over(false);
  }
  if (session.peek() && !socket) open();
}
