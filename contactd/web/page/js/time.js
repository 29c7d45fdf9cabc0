/** Minutes and seconds, hours when there are any. @param {number} seconds */
export function clock(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  const s = String(whole % 60).padStart(2, "0");
  const m = Math.floor(whole / 60) % 60;
  const h = Math.floor(whole / 3600);
  return h ? `${h}:${String(m).padStart(2, "0")}:${s}` : `${m}:${s}`;
}

/** @param {string | number} at ISO text or Unix seconds @param {string} language */
export function day(at, language) {
  const when = typeof at === "number" ? new Date(at * 1000) : new Date(at);
  return when.toLocaleString(language, { dateStyle: "medium", timeStyle: "short" });
}
