import { act, notice } from "./state.js";
import { t } from "./words.js";

/** @typedef {import("./types.js").Contact} Contact */

/** Those that need nothing more than a press, as they stand on the card. */
export const PLAIN = [
  "answer",
  "decline",
  "hold",
  "resume",
  "mute",
  "unmute",
  "pause_recording",
  "resume_recording",
  "hang_up",
];

/** @param {Contact} contact @param {string} name @param {unknown} [body] */
export async function verb(contact, name, body) {
  const done = await act("POST", `/contacts/${encodeURIComponent(contact.id)}/${name}`, body ?? {});
  if (done && ["wrap_up", "extend"].includes(name)) notice.value = { text: t(`done.${name}`), bad: false };
  return done !== null;
}
