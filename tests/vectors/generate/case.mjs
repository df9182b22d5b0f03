// What a row of the tables becomes: a token, and what the checker is asked about it.
import { OURS, b64, set } from "./keys.mjs";

/** The moment of every case that names no other. */
export const NOW = 1_700_000_000;
export const ISSUER = "https://id.example";
export const AUDIENCE = "https://api.example";

/** The claims of an honest access token, with other members on top; `undefined` takes one away. */
export const claims = (members = {}) => ({ iss: ISSUER, aud: AUDIENCE, sub: "alice", iat: NOW - 60, exp: NOW + 600,
  ...members });

/** The header of an honest access token, with other members on top. */
export const header = (alg, members = {}) => ({ alg, typ: "at+jwt", ...members });

/** JSON text of an object; what is text or bytes already stays as it is. */
export const json = (value) => (typeof value === "string" || Buffer.isBuffer(value) ? value : JSON.stringify(value));

/** The two segments that are signed. */
export const message = (head, payload) => `${b64(json(head))}.${b64(json(payload))}`;

/** A token in compact serialization (RFC 7515 section 3.1); `signature` is bytes, or a function of the message. */
export function token(head, payload, signature) {
  const signed = message(head, payload);
  return `${signed}.${b64(typeof signature === "function" ? signature(signed) : signature)}`;
}

/** A token with an honest signature, whatever is in it. */
export function signed({ key = OURS.HS256, head = {}, payload = claims(), raw } = {}) {
  const named = key.kid === undefined ? {} : { kid: key.kid };
  return token(raw ?? header(key.alg, { ...named, ...head }), payload, key.sign);
}

/** Raw JSON text of a claim set in which one member has the given text. */
export function withText(name, text, others = claims()) {
  const rest = JSON.stringify({ ...others, [name]: undefined }).slice(1, -1);
  return `{${rest},${JSON.stringify(name)}:${text}}`;
}

function row(verdict, id, reason, why, token, { keys = set(OURS.HS256), algorithms, ...policy } = {}) {
  const asked = algorithms ?? [...new Set(keys.keys.map((key) => key.alg))];
  const rest = { issuer: ISSUER, audience: AUDIENCE, typ: "at+jwt", leeway: 0, now: NOW, ...policy };
  return { case: { id, token, keys, algorithms: asked, ...rest }, verdict, reason, why };
}

export const accept = (id, why, token, options) => row("accept", id, null, why, token, options);
export const reject = (id, reason, why, token, options) => row("reject", id, reason, why, token, options);
/** A key set that is refused before any token is looked at; `reason` is what is wrong with it. */
export const error = (id, reason, why, token, options) => row("error", id, reason, why, token, options);
