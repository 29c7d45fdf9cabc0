import { html, useState } from "../lib.js";
import { ask } from "../api.js";
import { begin, chosenLanguage, sentence } from "../state.js";
import { LANGUAGES, language, speak, t } from "../words.js";

export function SignIn() {
  const [refused, setRefused] = useState("");
  const [busy, setBusy] = useState(false);

  /** @param {SubmitEvent} event */
  async function submit(event) {
    event.preventDefault();
    const form = new FormData(/** @type {HTMLFormElement} */ (event.target));
    const body = { user: form.get("user"), password: form.get("password") };
    const code = String(form.get("code") ?? "").trim();
    setBusy(true);
    try {
      await ask("POST", "/session", code ? { ...body, code } : body);
      await begin(await ask("GET", "/session"));
    } catch (error) {
      setRefused(sentence(error));
      setBusy(false);
    }
  }

  return html`<main class="signin" id="main">
    <form class="card" onSubmit=${submit}>
      <img src="/static/icon.svg" alt="" width="40" height="40" />
      <h1>${t("signin.title")}</h1>
      <label>${t("signin.user")}<input name="user" autocomplete="username" autocapitalize="none" required maxlength="64" /></label>
      <label
        >${t("signin.password")}
        <input name="password" type="password" autocomplete="current-password" required maxlength="256"
      /></label>
      <label
        >${t("signin.code")} <small>${t("signin.code_hint")}</small>
        <input name="code" inputmode="numeric" autocomplete="one-time-code" maxlength="16"
      /></label>
      <p class="refused" role="alert">${refused}</p>
      <button class="main" disabled=${busy}>${t("signin.go")}</button>
    </form>
    <p class="languages">
      ${Object.entries(LANGUAGES).map(
        ([id, name]) =>
          html`<button
            class="quiet"
            lang=${id}
            aria-pressed=${language.value === id}
            onClick=${() => {
              chosenLanguage.value = id;
              speak(id);
            }}
          >
            ${name}
          </button>`,
      )}
    </p>
  </main>`;
}
