import { html } from "../lib.js";
import { notice } from "../state.js";
import { t } from "../words.js";

export function Notice() {
  const shown = notice.value;
  return html`<div class="notices" role="status" aria-live="polite">
    ${shown &&
    html`<p class=${shown.bad ? "notice bad" : "notice"}>
      ${shown.text}
      <button class="quiet" aria-label=${t("close")} onClick=${() => (notice.value = null)}>×</button>
    </p>`}
  </div>`;
}
