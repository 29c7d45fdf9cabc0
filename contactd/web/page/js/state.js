// What the page knows: what the server said last, and what this browser's user prefers.
import { batch, computed, effect, signal } from "./lib.js";
import { Refused, ask, useToken } from "./api.js";
import { speak, t } from "./words.js";

/** @typedef {import("./types.js").Session} Session */
/** @typedef {import("./types.js").Me} Me */
/** @typedef {import("./types.js").Draft} Draft */

export const session = signal(/** @type {Session | null} */ (null));
/** Whether it is known yet if somebody is signed in. */
export const asked = signal(false);
export const me = signal(/** @type {Me | null} */ (null));
/** @type {import("../vendor/signals.mjs").Signal<"connecting" | "open" | "lost">} */
export const link = signal("connecting");
export const sheet = signal(false);
/** The last word to the user: a refusal, or that something was done. */
export const notice = signal(/** @type {{text: string, bad: boolean} | null} */ (null));
/** For screen readers; set again, it is said again. */
export const said = signal("");

// --- time -----------------------------------------------------------------------------------------------------------

const offset = signal(0);
const tick = signal(Date.now() / 1000);
setInterval(() => (tick.value = Date.now() / 1000), 1000);
/** The server's clock: this computer's may be wrong. */
export const now = computed(() => tick.value + offset.value);

/** @param {Me} fresh the whole; what is older than what is shown is left */
export function take(fresh) {
  const shown = me.value;
  if (shown && (fresh.epoch < shown.epoch || (fresh.epoch === shown.epoch && fresh.seq < shown.seq))) return;
  batch(() => {
    offset.value = fresh.now - Date.now() / 1000;
    tick.value = Date.now() / 1000;
    me.value = fresh;
  });
}

// --- what this user prefers -----------------------------------------------------------------------------------------

/** @param {string} name @param {string} otherwise */
function kept(name, otherwise) {
  const made = signal(localStorage.getItem(`contactd.${name}`) ?? otherwise);
  effect(() => localStorage.setItem(`contactd.${name}`, made.value));
  return made;
}

export const theme = kept("theme", "system");
export const shortcuts = kept("shortcuts", "on");
export const chosenLanguage = kept("language", "");
effect(() => {
  document.documentElement.dataset.theme = theme.value;
});

// --- other windows of this browser ------------------------------------------------------------------------------------

export const drafts = signal(/** @type {Record<string, Draft>} */ ({}));
const windows = new BroadcastChannel("contactd");
windows.onmessage = ({ data }) => {
  if (data.drafts) drafts.value = data.drafts;
  if (data.ask) windows.postMessage({ drafts: drafts.value });
  if (data.over) over(false);
};
windows.postMessage({ ask: true });

/** @param {string} contact @param {Partial<Draft>} change */
export function draft(contact, change) {
  const before = drafts.value[contact] ?? { disposition: "", notes: "" };
  drafts.value = { ...drafts.value, [contact]: { ...before, ...change } };
  windows.postMessage({ drafts: drafts.value });
}

/** @param {string} contact */
export function forget(contact) {
  const rest = { ...drafts.value };
  delete rest[contact];
  drafts.value = rest;
  windows.postMessage({ drafts: rest });
}

// --- acting -----------------------------------------------------------------------------------------------------------

/** @param {unknown} error @returns {string} */
export function sentence(error) {
  if (error instanceof Refused) return error.http === 0 ? t("refused.offline") : error.message || t("refused.other");
  return t("refused.other");
}

/**
 * Ask for something; a refusal is shown, and a session that is over leads to the sign-in.
 * @param {string} method @param {string} path @param {unknown} [body] @returns {Promise<any>}
 */
export async function act(method, path, body) {
  try {
    const answer = await ask(method, path, body);
    notice.value = null;
    return answer;
  } catch (error) {
    if (error instanceof Refused && error.http === 401) over(true);
    notice.value = { text: sentence(error), bad: true };
    return null;
  }
}

/** @param {Session | null} found */
export async function begin(found) {
  if (found) {
    useToken(found.csrf);
  }
  await speak(chosenLanguage.value || found?.language || navigator.language);
  batch(() => {
    notice.value = null;
    session.value = found;
    asked.value = true;
  });
}

/** The session has ended. @param {boolean} tell the other windows */
export function over(tell) {
  batch(() => {
    session.value = null;
    me.value = null;
    drafts.value = {};
  });
  if (tell) windows.postMessage({ over: true });
}

export async function signOut() {
  await ask("DELETE", "/session").catch(() => null);
  over(true);
}
