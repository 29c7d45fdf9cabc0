import { effect, html, render } from "./lib.js";
import { ask } from "./api.js";
import { asked, begin, link, me, said, session, sheet } from "./state.js";
import { follow } from "./stream.js";
import { alerts } from "./alerts.js";
import { keys } from "./keys.js";
import { t } from "./words.js";
import { Bar } from "./views/bar.js";
import { Desk } from "./views/desk.js";
import { Notice } from "./views/notice.js";
import { Sheet } from "./views/sheet.js";
import { SignIn } from "./views/signin.js";

function Page() {
  if (!asked.value) return null;
  if (!session.value) return html`<${SignIn} />`;
  return html`
    <a class="skip" href="#main">${t("skip")}</a>
    <${Bar} />
    ${link.value === "lost" && html`<p class="offline" role="alert">${t("offline")}</p>`}
    <main id="main" tabindex="-1"><${Desk} /></main>
    <${Notice} />
    <p class="unseen" role="status" aria-live="assertive">${said.value}</p>
    ${sheet.value && html`<${Sheet} />`}
  `;
}

follow();
alerts();
keys();
effect(() => {
  const offered = me.value?.contacts.some((one) => one.state === "offered");
  document.title = offered ? `● ${t("offer.title")} · contactd` : "contactd";
});
render(html`<${Page} />`, /** @type {HTMLElement} */ (document.getElementById("desk")));
begin(await ask("GET", "/session").catch(() => null));
