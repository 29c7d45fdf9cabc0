// The vendored libraries, in one place.
import { h, render } from "../vendor/preact.mjs";
import htm from "../vendor/htm.mjs";

export { batch, computed, effect, signal } from "../vendor/signals.mjs";
export { useEffect, useLayoutEffect, useRef, useState } from "../vendor/hooks.mjs";
export { render };
export const html = htm.bind(h);
