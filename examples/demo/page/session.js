// The session as a page sees it: its requests, and when the access token is renewed. The tokens are in cookies that no
// script can read; what is kept here is when the access token was issued and when it is to be renewed, shared by all tabs.

export const KEY = "jwt-sessions-demo";

/**
 * When the access token was issued, how long it lives, and when to renew it, in milliseconds; and which login it comes from.
 * Null when signed out.
 */
export function times() {
  try {
    const kept = JSON.parse(localStorage.getItem(KEY));
    return Number.isFinite(kept?.issued) && Number.isFinite(kept.life) && Number.isFinite(kept.renew) ? kept : null;
  } catch {
    return null;
  }
}

/**
 * Notes a new access token. It is renewed after 80 % to 92.7 % of its life: for 15 minutes somewhere between 12.0 and 13.9
 * minutes. A moment that could be foretold to 90 seconds would let a thief who has copied the tokens renew beside this page
 * each time, and not be noticed.
 */
export function noteIssued(seconds, login = times()?.login) {
  const [random] = crypto.getRandomValues(new Uint32Array(1));
  const life = seconds * 1000;
  const issued = Date.now();
  const renew = issued + life * (0.8 + 0.1266 * (random / 2 ** 32));
  localStorage.setItem(KEY, JSON.stringify({ issued, life, renew, login }));
}

// ---- Requests ----------------------------------------------------------------------------------------------------------

/** One request. A server that does not answer, or not within 15 s, is an answer with status 0. */
export async function send(method, path, body) {
  // One that hangs while it has the lock would keep all tabs waiting.
  const options = { method, headers: { Accept: "application/json" }, signal: AbortSignal.timeout(15_000) };
  if (body !== undefined) {
    options.headers["Content-Type"] = "application/json";
    options.body = JSON.stringify(body);
  }
  try {
    const response = await fetch(path, options);
    const text = await response.text();
    let json = null;
    try { json = text ? JSON.parse(text) : null; } catch { /* not JSON: the text is shown */ }
    const after = Number(response.headers.get("Retry-After")) || 0;
    return { status: response.status, ok: response.ok, json, text, after };
  } catch {
    return { status: 0, ok: false, json: null, text: "", after: 0 };
  }
}

/** A request that needs the session: renews it first when it is due, and once more when the token was refused. */
export async function call(method, path, body) {
  const refused = isDue() ? await renew() : null;
  // Without a session there is nobody to ask for.
  if (refused && isEnd(refused)) return refused;
  const answer = await send(method, path, body);
  if (answer.status !== 401 || !times()) return answer;
  return (await renew(true)) ?? send(method, path, body);
}

/** What went wrong, in words. */
export function reason(answer) {
  if (answer.status === 0) return "The server does not answer.";
  const text = answer.json?.error_description ?? answer.json?.error ?? `status ${answer.status}`;
  const again = answer.status === 429 && answer.after ? ` (${answer.after} s)` : "";
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}${again}.`;
}

// ---- Renewal -----------------------------------------------------------------------------------------------------------

let notBefore = 0;

/** What the page does about it; set by the page. */
export const on = { renewed() {}, ended() {}, failed(_text) {}, again() {} };

export function isDue() {
  const now = times();
  return now !== null && Date.now() >= now.renew && Date.now() >= notBefore;
}

/** Only one tab at a time does `work`. */
export function alone(work) {
  return navigator.locks ? navigator.locks.request(KEY, work) : work();
}

/**
 * Renews the access token, unless another tab has just done so. Null when there is a session then; else the answer that
 * says why there is none, or why it is not known. The path "/auth/rotate" replaces both tokens.
 */
export async function renew(force = false, path = REFRESH) {
  const before = times();
  return alone(async () => {
    const now = times();
    if (!now) return NOBODY;
    if (path === REFRESH && now.issued !== before?.issued) return null;
    if (!force && !isDue()) return null;
    return renewInTurn(path);
  });
}

/** As `renew`, whatever another tab has just done, for work that has its turn already: for another it would wait for ever. */
export async function renewInTurn(path = REFRESH) {
  if (!times()) return NOBODY;
  const answer = await send("POST", path);
  if (answer.ok) {
    noteIssued(answer.json?.expires_in ?? 60);
    on.renewed();
    if (notBefore) on.again();
    notBefore = 0;
    return null;
  }
  if (isEnd(answer)) {
    on.ended();
    return answer;
  }
  // The session is as good as before: the server is busy or away, or something in front of it answered.
  notBefore = Date.now() + Math.max(answer.after, 5) * 1000;
  on.failed(reason(answer));
  return answer;
}

/** Whether a renewal's answer says that there is no session, and not that it cannot be renewed now. */
function isEnd(answer) {
  return answer.status === 401 && ENDED.has(answer.json?.error);
}

const REFRESH = "/auth/refresh";
const ENDED = new Set(["session_ended", "invalid_token", "missing_token"]);
const NOBODY = {
  status: 401, ok: false, json: { error: "missing_token", error_description: "you are not logged in" }, text: "", after: 0,
};
