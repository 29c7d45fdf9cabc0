import { html, useEffect, useRef } from "../lib.js";
import { chosenLanguage, sheet, shortcuts, theme } from "../state.js";
import { KEYS } from "../keys.js";
import { LANGUAGES, language, speak, t } from "../words.js";

const THEMES = ["system", "light", "dark"];

export function Sheet() {
  const dialog = useRef(/** @type {HTMLDialogElement | null} */ (null));
  useEffect(() => {
    const before = document.activeElement;
    dialog.current?.showModal();
    return () => before instanceof HTMLElement && before.focus();
  }, []);
  const asks = "Notification" in window && Notification.permission === "default";
  return html`<dialog class="sheet card" ref=${dialog} aria-labelledby="sheet-title" onClose=${() => (sheet.value = false)}>
    <header>
      <h2 id="sheet-title">${t("sheet.title")}</h2>
      <button class="quiet round" aria-label=${t("close")} onClick=${() => (sheet.value = false)}>×</button>
    </header>
    <dl class="keys">
      <div><dt><kbd>?</kbd></dt><dd>${t("key.sheet")}</dd></div>
      ${KEYS.map(
        ([key, word]) => html`<div><dt><kbd>Alt</kbd> <kbd>${key}</kbd></dt><dd>${t(`key.${word}`)}</dd></div>`,
      )}
    </dl>
    <label class="choice"
      ><input
        type="checkbox"
        checked=${shortcuts.value === "on"}
        onChange=${(/** @type {any} */ event) => (shortcuts.value = event.target.checked ? "on" : "off")}
      />${t("sheet.shortcuts")}</label
    >
    <div class="line">
      <label
        >${t("sheet.theme")}
        <select value=${theme.value} onChange=${(/** @type {any} */ event) => (theme.value = event.target.value)}>
          ${THEMES.map((name) => html`<option value=${name}>${t(`theme.${name}`)}</option>`)}
        </select></label
      >
      <label
        >${t("sheet.language")}
        <select
          value=${language.value}
          onChange=${(/** @type {any} */ event) => {
            chosenLanguage.value = event.target.value;
            speak(event.target.value);
          }}
        >
          ${Object.entries(LANGUAGES).map(([id, name]) => html`<option value=${id} lang=${id}>${name}</option>`)}
        </select></label
      >
    </div>
    ${asks && html`<button onClick=${() => Notification.requestPermission()}>${t("sheet.notify")}</button>`}
  </dialog>`;
}
