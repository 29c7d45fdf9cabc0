import { html } from "../lib.js";
import { act, link, me } from "../state.js";
import { t, told } from "../words.js";
import { standing } from "./bar.js";
import { ContactCard } from "./contact.js";

export function Desk() {
  const shown = me.value;
  if (!shown) return html`<p class="empty" role="status">${t("loading")}</p>`;
  const agent = shown.agent;
  if (!agent)
    return html`<section class="empty">
      <h1>${t("desk.no_agent")}</h1>
      <p>${t("desk.no_agent_hint")}</p>
    </section>`;
  const offered = shown.contacts.filter((one) => one.state === "offered");
  const others = shown.contacts.filter((one) => one.state !== "offered");
  return html`<div class="desk">
    <h1 class="unseen">${t("view.desk")}</h1>
    ${[...offered, ...others].map((one) => html`<${ContactCard} key=${one.id} contact=${one} />`)}
    ${shown.contacts.length === 0 &&
    html`<section class="empty">
      <h2>${told("idle", standing(agent))}</h2>
      <p>${told("idle.hint", standing(agent))}</p>
      ${agent.status !== "ready" &&
      html`<button class="main" disabled=${link.value === "lost"} onClick=${() => act("POST", "/me/status", { status: "ready", reason: "" })}>
        ${t("status.be_ready")}
      </button>`}
    </section>`}
    <${HandsetChoice} agent=${agent} handsets=${shown.handsets} />
  </div>`;
}

/** @param {{agent: import("../types.js").Agent, handsets: import("../types.js").Handset[]}} props */
function HandsetChoice({ agent, handsets }) {
  const here = agent.handset;
  return html`<footer class="handset">
    <span class=${`dot ${agent.handset_state}`} aria-hidden="true"></span>
    ${handsets.length > 1
      ? html`<label for="handset">${t("handset")}</label>
          <select
            id="handset"
            value=${here}
            onChange=${(/** @type {Event} */ event) =>
              act("POST", "/me/handset", { handset: /** @type {HTMLSelectElement} */ (event.target).value })}
          >
            ${!here && html`<option value="">${t("handset.none")}</option>`}
            ${handsets.map(
              (one) => html`<option value=${one.id}>${one.own ? t("handset.own", { id: one.id }) : one.id}</option>`,
            )}
          </select>`
      : html`<span>${here ? t("handset.is", { id: here }) : t("handset.none")}</span>`}
    <span class="muted">${told("handset", agent.handset_state)}</span>
  </footer>`;
}
