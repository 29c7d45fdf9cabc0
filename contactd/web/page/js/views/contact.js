import { html } from "../lib.js";
import { now } from "../state.js";
import { clock } from "../time.js";
import { t, told } from "../words.js";
import { PLAIN, verb } from "../verbs.js";
import { WrapUp } from "./wrapup.js";

/** @typedef {import("../types.js").Contact} Contact */

/** Who it is, as far as it is known; of several customers nobody guesses. @param {Contact} contact */
export function who(contact) {
  const customer = contact.customer;
  if (customer?.name) return customer.name;
  if (customer && customer.matches > 1) return t("who.several", { count: customer.matches });
  return contact.number ?? t("who.unknown");
}

/** @param {{contact: Contact}} props */
export function ContactCard({ contact }) {
  const offered = contact.state === "offered";
  const wraps = contact.state === "wrap_up";
  const title = `who-${contact.id}`;
  return html`<article class=${`card contact ${contact.state}`} aria-labelledby=${title}>
    <header>
      <p class="kind">
        <span class="badge">${told("contact", contact.state)}</span>
        <span>${told("medium", contact.medium)}</span>
        <span>${contact.queue_name}</span>
        ${contact.callback && html`<span class="badge soft">${t("contact.callback")}</span>`}
        ${contact.test && html`<span class="badge soft">${t("contact.test")}</span>`}
      </p>
      <time class="clock" aria-label=${t("contact.since")}
        >${wraps && contact.wrap_up_until
          ? `−${clock(contact.wrap_up_until - now.value)}`
          : clock(now.value - contact.since)}</time
      >
    </header>
    <h2 id=${title}>${who(contact)}</h2>
    <${Facts} contact=${contact} />
    ${offered && !contact.can.includes("answer") && html`<p class="hint">${t("offer.handset")}</p>`}
    ${contact.can.some((name) => PLAIN.includes(name)) &&
    html`<div class="verbs" role="group" aria-label=${t("contact.verbs")}>
      ${PLAIN.filter((name) => contact.can.includes(name)).map(
        (name, place) =>
          html`<button
            key=${name}
            class=${name === "hang_up" || name === "decline" ? "bad" : place === 0 && offered ? "main" : ""}
            onClick=${() => verb(contact, name)}
          >
            ${told("verb", name)}
          </button>`,
      )}
    </div>`}
    ${wraps && html`<${WrapUp} contact=${contact} />`}
  </article>`;
}

/** @param {{contact: Contact}} props */
function Facts({ contact }) {
  const { why, customer } = contact;
  /** @type {[string, string, boolean?][]} */
  const facts = [];
  if (customer?.vip) facts.push([t("fact.customer"), t("fact.vip"), true]);
  if (customer?.verified) facts.push([t("fact.verified"), customer.verified]);
  if (customer?.language) facts.push([t("fact.language"), customer.language]);
  if (contact.number && who(contact) !== contact.number) facts.push([t("fact.number"), contact.number]);
  if (contact.waited_s !== null) facts.push([t("fact.waited"), clock(contact.waited_s)]);
  if (why.chosen) facts.push([t("fact.chosen"), why.chosen]);
  if (why.dialled) facts.push([t("fact.dialled"), why.dialled]);
  const skills = Object.entries(why.skills).map(([id, level]) => (level > 1 ? `${id} ${level}` : id));
  if (skills.length) facts.push([t("fact.skills"), skills.join(", ")]);
  if (why.preferred) facts.push([t("fact.why"), t("fact.preferred")]);
  if (contact.recording !== "off") facts.push([t("fact.recording"), told("recording", contact.recording)]);
  return html`<dl class="facts">
    ${facts.map(
        ([name, value, strong]) =>
          html`<div><dt>${name}</dt><dd>${strong ? html`<strong>${value}</strong>` : value}</dd></div>`,
      )}
    </dl>`;
}
