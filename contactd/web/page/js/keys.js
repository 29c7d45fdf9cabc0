// Keys that work everywhere. Alt and a letter, so that nothing happens while somebody types or dictates.
import { act, me, sheet, shortcuts } from "./state.js";
import { verb } from "./verbs.js";

/** In the sheet's order: key, and the word of it. */
export const KEYS = [
  ["R", "ready"],
  ["N", "not_ready"],
  ["D", "decline"],
  ["P", "recording"],
  ["W", "wrap_up"],
];

/** @param {string[]} verbs the first that can be done now, at any contact */
function first(verbs) {
  for (const one of me.peek()?.contacts ?? [])
    for (const name of verbs) if (one.can.includes(name)) return void verb(one, name);
}

/** @param {string} selector */
function focus(selector) {
  const found = document.querySelector(selector);
  if (found instanceof HTMLElement) found.focus();
}

/** @type {Record<string, () => void>} */
const DOES = {
  R: () => void act("POST", "/me/status", { status: "ready", reason: "" }),
  N: () => focus("#status"),
  D: () => first(["decline"]),
  P: () => first(["pause_recording", "resume_recording"]),
  W: () => focus(".wrapping [name=disposition], .wrapping textarea"),
};

export function keys() {
  addEventListener("keydown", (event) => {
    if (event.key === "Escape" && sheet.value) sheet.value = false;
    if (shortcuts.value !== "on" || event.repeat || event.ctrlKey || event.metaKey) return;
    const typing = event.target instanceof Element && event.target.matches("input, textarea, select");
    if (event.key === "?" && !typing && !event.altKey) {
      sheet.value = !sheet.value;
      return event.preventDefault();
    }
    // By the key's place: Alt changes its letter on some keyboards.
    const name = event.code.replace(/^(Key|Digit)/, "");
    if (event.altKey && DOES[name] && me.value) {
      event.preventDefault();
      DOES[name]();
    }
  });
}
