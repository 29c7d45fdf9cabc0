// The catalogues. No text that people read stands anywhere else.
import { signal } from "./lib.js";
import en from "./words/en.js";

/** @type {Record<string, () => Promise<{default: Record<string, string>}>>} */
const CATALOGUES = { en: async () => ({ default: en }), es: () => import("./words/es.js") };
export const LANGUAGES = { en: "English", es: "Español" };

const words = signal(/** @type {Record<string, string>} */ (en));
export const language = signal("en");

/** @param {string} asked such as es or es_MX; what we have no words for is English */
export async function speak(asked) {
  const wanted = asked.slice(0, 2).toLowerCase();
  const known = Object.hasOwn(CATALOGUES, wanted) ? wanted : "en";
  words.value = (await CATALOGUES[known]()).default;
  language.value = known;
  document.documentElement.lang = language.value;
}

/**
 * The text of a key; {name} stands for a value.
 * @param {string} key @param {Record<string, string | number>} [values]
 */
export function t(key, values = {}) {
  const text = words.value[key] ?? key;
  return text.replace(/\{(\w+)\}/g, (_, name) => String(values[name] ?? ""));
}

/**
 * The text of a word that the server sends, or that word when it is newer than this page.
 * @param {string} prefix @param {string} word
 */
export function told(prefix, word) {
  return words.value[`${prefix}.${word}`] ?? word;
}
