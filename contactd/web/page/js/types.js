// What the server sends (docs/api.rst); types only.

/**
 * @typedef {{user: string, name: string, role: string, rights: string[], agent: string | null, queues: string[],
 *   csrf: string, language: string}} Session
 * @typedef {{id: string, name: string, status: string, reason: string, reason_label: string, since: number | null,
 *   pending: boolean, state: string, handset: string, handset_state: string, handset_own: boolean,
 *   wrap_up_until: number | null, overdue: boolean}} Agent
 * @typedef {{id: string, label: string, longest_s: number}} Reason
 * @typedef {{id: string, own: boolean}} Handset
 * @typedef {{skills: Record<string, number>, strategy: string, preferred: boolean, chosen: string,
 *   dialled: string}} Why
 * @typedef {{id: string | null, name: string | null, matches: number, vip: boolean, language: string | null,
 *   verified: string}} Customer
 * @typedef {{id: string, medium: string, state: string, queue: string | null, queue_name: string, since: number,
 *   waited_s: number | null, why: Why, customer: Customer | null, number: string | null,
 *   recording: string, text: boolean, callback: boolean, test: boolean,
 *   wrap_up_until: number | null, disposition: string | null, can: string[]}} Contact
 * @typedef {{id: string, label: string}} Disposition
 * @typedef {{epoch: number, seq: number, now: number, agent: Agent | null, reasons: Reason[], handsets: Handset[],
 *   contacts: Contact[], dispositions: Record<string, Disposition[]>}} Me
 * @typedef {{disposition: string, notes: string}} Draft
 */

export {};
