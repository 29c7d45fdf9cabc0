import { html } from "../lib.js";
import { draft, drafts, forget, me } from "../state.js";
import { t } from "../words.js";
import { verb } from "../verbs.js";

/** What is chosen and written here stands in the other windows too. @param {{contact: import("../types.js").Contact}} props */
export function WrapUp({ contact }) {
  const choices = me.value?.dispositions[contact.queue ?? ""] ?? [];
  const own = drafts.value[contact.id] ?? { disposition: contact.disposition ?? "", notes: "" };

  /** @param {SubmitEvent} event */
  async function finish(event) {
    event.preventDefault();
    const body = { disposition: own.disposition || null, notes: own.notes };
    if (await verb(contact, "wrap_up", choices.length ? body : { ...body, disposition: null })) forget(contact.id);
  }

  return html`<form class="wrapping" onSubmit=${finish}>
    ${choices.length > 0 &&
    html`<fieldset>
      <legend>${t("wrap.disposition")}</legend>
      <div class="choices">
        ${choices.map(
          (one) =>
            html`<label class="choice"
              ><input
                type="radio"
                name="disposition"
                value=${one.id}
                checked=${own.disposition === one.id}
                onChange=${() => draft(contact.id, { disposition: one.id })}
              />${one.label}</label
            >`,
        )}
      </div>
    </fieldset>`}
    <label
      >${t("wrap.notes")}
      <textarea
        rows="3"
        maxlength="4000"
        value=${own.notes}
        onInput=${(/** @type {any} */ event) => draft(contact.id, { notes: event.target.value })}
      ></textarea>
    </label>
    <div class="verbs">
      ${contact.can.includes("wrap_up") && html`<button class="main">${t("verb.wrap_up")}</button>`}
      ${contact.can.includes("extend") &&
      html`<button type="button" onClick=${() => verb(contact, "extend")}>${t("verb.extend")}</button>`}
    </div>
  </form>`;
}
