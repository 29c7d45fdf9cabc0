// Requests to the server. Every refusal is a Refused with a sentence for people.

let csrf = "";

/** @param {string} token */
export function useToken(token) {
  csrf = token;
}

export class Refused extends Error {
  /** @param {number} http @param {string} code @param {string} message @param {number | null} wait */
  constructor(http, code, message, wait = null) {
    super(message);
    this.http = http;
    this.code = code;
    this.wait_s = wait;
  }
}

/**
 * http 0: the server was not reached.
 * @param {string} method @param {string} path @param {unknown} [body]
 * @returns {Promise<any>}
 */
export async function ask(method, path, body) {
  /** @type {Record<string, string>} */
  const headers = { Accept: "application/json" };
  if (method !== "GET") headers["X-CSRF-Token"] = csrf;
  if (body !== undefined) headers["Content-Type"] = "application/json";
  let answer;
  try {
    answer = await fetch(`/api/v1${path}`, {
      method,
      headers,
      body: body === undefined ? null : JSON.stringify(body),
      credentials: "same-origin",
      signal: AbortSignal.timeout(15_000),
    });
  } catch {
    throw new Refused(0, "offline", "");
  }
  const said = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Refused(answer.status, said.error ?? "http", said.message ?? "", said.wait_s ?? null);
  return said;
}
