// One bit changed in each byte: of the text, and of what it decodes to. Every one is refused (RFC 7515 section 5.2); why
// follows from the few lines of `reason`, which know nothing of the crate.
import { reject, signed } from "../case.mjs";
import { OURS, b64, named, set } from "../keys.mjs";

const key = named(OURS.HS256, "ours");
const good = signed({ key });

function reason(token) {
  const segments = token.split(".");
  const proper = (one) => /^[A-Za-z0-9_-]*$/.test(one) && b64(Buffer.from(one, "base64url")) === one;
  if (segments.length !== 3 || !segments.every(proper)) return "malformed";
  const head = parsed(Buffer.from(segments[0], "base64url"));
  if (typeof head?.alg !== "string") return "header";
  if (head.alg !== "HS256") return "algorithm";
  if (head.typ?.toLowerCase() !== "at+jwt") return "type";
  // Whoever has changed the name of `kid` has no kid: the set has one key.
  return "kid" in head && head.kid !== "ours" ? "unknown_key" : "signature";
}

function parsed(bytes) {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes));
  } catch {
    return undefined;
  }
}

const flipped = (bytes, i, bits) => bytes.map((byte, j) => (i === j ? byte ^ (1 << (i % bits)) : byte));
const place = (i) => String(i).padStart(3, "0");

/** Seven bits: with the eighth the text would be no UTF-8, and no `&str`. */
const text = [...Buffer.from(good)].map((_, i) => {
  const token = Buffer.from(flipped(Buffer.from(good), i, 7)).toString();
  return reject(`flip_text/${place(i)}`, reason(token), `bit ${i % 7} of byte ${i} of the text (RFC 7515 section 5.2)`,
    token, { keys: set(key) });
});

const decoded = good.split(".").flatMap((segment, n) => {
  const bytes = Buffer.from(segment, "base64url");
  return [...bytes].map((_, i) => {
    const token = good.split(".").map((one, m) => (m === n ? b64(flipped(bytes, i, 8)) : one)).join(".");
    const name = ["header", "payload", "signature"][n];
    return reject(`flip_bytes/${name}/${place(i)}`, reason(token),
      `bit ${i % 8} of byte ${i} of the ${name} (RFC 7515 section 5.2)`, token, { keys: set(key) });
  });
});

const others = ["RS256", "PS256", "ES256", "ES384", "EdDSA"].flatMap((alg) => {
  const [h, p, s] = signed({ key: OURS[alg] }).split(".");
  const bytes = Buffer.from(s, "base64url");
  return [...bytes].map((_, i) => reject(`flip_bytes/${alg}/${place(i)}`, "signature",
    `bit ${i % 8} of byte ${i} of the signature (RFC 7515 section 5.2)`,
    `${h}.${p}.${b64(flipped(bytes, i, 8))}`, { keys: set(OURS[alg]) }));
});

export default [...text, ...decoded, ...others];
