// An offer is told to who looks elsewhere: a screen reader's words, and a notification where the user allowed them.
// No name and no number in it: it may stand on a screen that others see.
import { effect } from "./lib.js";
import { me, said } from "./state.js";
import { t, told } from "./words.js";

/** @type {Map<string, string>} */
let before = new Map();
/** @type {Map<string, Notification>} */
const shown = new Map();

export function alerts() {
  effect(() => {
    const contacts = me.value?.contacts ?? [];
    const states = new Map(contacts.map((one) => [one.id, one.state]));
    for (const one of contacts) {
      if (before.get(one.id) === one.state) continue;
      const words = { queue: one.queue_name, medium: told("medium", one.medium) };
      said.value = t(`said.${one.state}`, words);
      if (one.state === "offered" && document.hidden && window.Notification?.permission === "granted") {
        // The same tag in a second window: shown once.
        const told = new Notification(t("offer.title"), { body: t("said.offered", words), tag: one.id });
        told.onclick = () => window.focus();
        shown.set(one.id, told);
      }
    }
    for (const id of before.keys()) if (!states.has(id)) said.value = t("said.gone");
    for (const [id, told] of shown)
      if (states.get(id) !== "offered") {
        told.close();
        shown.delete(id);
      }
    before = states;
  });
}
