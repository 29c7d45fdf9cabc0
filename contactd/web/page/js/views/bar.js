import { html } from "../lib.js";
import { act, me, now, session, sheet, signOut } from "../state.js";
import { clock } from "../time.js";
import { t, told } from "../words.js";

/** What stands between this agent and the next contact, in one word. @param {import("../types.js").Agent} agent */
export function standing(agent) {
  if (agent.state !== "idle") return agent.state;
  if (agent.status === "ready" && agent.handset_state === "unavailable") return "unreachable";
  return agent.status;
}

export function Bar() {
  const agent = me.value?.agent;
  return html`<header class="bar">
    <img class="mark" src="/static/icon.svg" alt="contactd" width="28" height="28" />
    <span class="space"></span>
    ${agent && html`<${Status} agent=${agent} />`}
    <button class="quiet round" aria-label=${t("sheet.title")} onClick=${() => (sheet.value = true)}>?</button>
    <button class="quiet" onClick=${signOut}>${t("signout")}<span class="unseen"> ${session.value?.name}</span></button>
  </header>`;
}

/** @param {{agent: import("../types.js").Agent}} props */
function Status({ agent }) {
  const word = standing(agent);
  const reason = agent.status === "not_ready" ? agent.reason_label : "";
  const until = agent.wrap_up_until;
  /** @param {Event} event */
  function choose(event) {
    const [status, chosen = ""] = /** @type {HTMLSelectElement} */ (event.target).value.split(" ");
    act("POST", "/me/status", { status, reason: chosen });
  }
  const known = me.value?.reasons.some((one) => one.id === agent.reason);
  const value = agent.status === "not_ready" && known ? `not_ready ${agent.reason}` : agent.status;
  return html`<div class=${`status ${word}`}>
    <span class="dot" aria-hidden="true"></span>
    <span class="standing">
      <b>${told("standing", word)}</b>
      ${agent.since !== null &&
      html`<time class=${agent.overdue ? "overdue" : null}
        >${until ? `−${clock(until - now.value)}` : clock(now.value - agent.since)}</time
      >`}
    </span>
    <label class="unseen" for="status">${t("status")}</label>
    <select id="status" value=${value} onChange=${choose}>
      ${agent.status === "signed_out" && html`<option value="signed_out">${t("standing.signed_out")}</option>`}
      <option value="ready">${t("standing.ready")}</option>
      ${agent.status === "not_ready" && !known && html`<option value="not_ready">${told("reason", reason)}</option>`}
      ${me.value?.reasons.map((one) => html`<option value=${`not_ready ${one.id}`}>${one.label}</option>`)}
      ${agent.status !== "signed_out" && html`<option value="signed_out">${t("status.sign_out")}</option>`}
    </select>
    ${agent.pending && html`<span class="pending">${t("status.pending")}</span>`}
  </div>`;
}
