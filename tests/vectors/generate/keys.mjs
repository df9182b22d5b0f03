// The keys of the corpus: the published ones of `tests/keys/`, and secrets that are made for it and protect nothing.
import { createHash, createHmac, createPrivateKey, createPublicKey, sign } from "node:crypto";
import { readFileSync } from "node:fs";
import * as ecdsa from "./ecdsa.mjs";
import * as rsa from "./rsa.mjs";

const read = (name) => readFileSync(new URL(`../../keys/${name}`, import.meta.url), "utf8");
export const b64 = (data) => Buffer.from(data).toString("base64url");

/** A secret of 64 bytes: long enough for every HMAC here. */
export const secret = (name) => createHash("sha512").update(`jwt-sessions corpus, not a secret: ${name}`).digest();

const SHA = (alg) => `sha${alg.slice(2)}`;

export function hmac(alg, bytes = secret("ours")) {
  const jwk = { kty: "oct", k: b64(bytes), alg };
  return { alg, jwk, bytes, sign: (message) => createHmac(SHA(alg), bytes).update(message).digest() };
}

function pair(alg, pem, signer) {
  const key = createPrivateKey(pem);
  const jwk = { ...createPublicKey(key).export({ format: "jwk" }), alg };
  return { alg, jwk, key, sign: signer(key) };
}

const rs = (alg, pem) => pair(alg, pem, (key) => (message) => sign(SHA(alg), Buffer.from(message), key));
const ps = (alg, pem) =>
  pair(alg, pem, (key) => (message) => rsa.raw(key, rsa.pss(256, SHA(alg), Buffer.from(message))));

function ec(alg, curve, pem) {
  const d = ecdsa.toInt(Buffer.from(createPrivateKey(pem).export({ format: "jwk" }).d, "base64url"));
  const signer = () => (message) => {
    const { r, s } = ecdsa.sign(curve, d, message);
    return ecdsa.concat(curve, r, s);
  };
  return { ...pair(alg, pem, signer), curve, d };
}

/** A public key of a curve, from a private number that a case has worked out. */
export function ecFrom(alg, curve, { d, point }) {
  const [x, y] = point.map((number) => b64(ecdsa.toBytes(number, curve.bytes)));
  const crv = alg === "ES384" ? "P-384" : "P-256";
  return { alg, curve, d, jwk: { kty: "EC", crv, x, y, alg } };
}

const PEM = { rsa: read("rsa.pem"), p256: read("p256.pem"), p384: read("p384.pem"), ed25519: read("ed25519.pem") };

/** One key for each algorithm of the crate, all of them trusted where a case puts them into its set. */
export const OURS = {
  HS256: hmac("HS256"),
  HS384: hmac("HS384"),
  HS512: hmac("HS512"),
  RS256: rs("RS256", PEM.rsa),
  RS384: rs("RS384", PEM.rsa),
  RS512: rs("RS512", PEM.rsa),
  PS256: ps("PS256", PEM.rsa),
  PS384: ps("PS384", PEM.rsa),
  PS512: ps("PS512", PEM.rsa),
  ES256: ec("ES256", ecdsa.P256, PEM.p256),
  ES384: ec("ES384", ecdsa.P384, PEM.p384),
  EdDSA: pair("EdDSA", PEM.ed25519, (key) => (message) => sign(null, Buffer.from(message), key)),
};

const rfc8037 = createPrivateKey({ key: JSON.parse(read("rfc8037_a1.json")), format: "jwk" });
const rfc7515 = createPrivateKey({ key: JSON.parse(read("rfc7515_a2.json")), format: "jwk" });
const pem = (key) => key.export({ type: "pkcs8", format: "pem" });

/** The attacker's own keys: well-formed, and in nobody's set. */
export const THEIRS = {
  HS256: hmac("HS256", secret("theirs")),
  RS256: rs("RS256", pem(rfc7515)),
  PS256: ps("PS256", pem(rfc7515)),
  ES256: ec("ES256", ecdsa.P256, read("p256_next.pem")),
  EdDSA: pair("EdDSA", pem(rfc8037), (key) => (message) => sign(null, Buffer.from(message), key)),
};

/** Public keys of curves that no algorithm here takes. */
export const FOREIGN = Object.fromEntries(["secp256k1", "x25519"].map((name) =>
  [name, createPublicKey(read(`${name}.pem`)).export({ format: "jwk" })]));

/** The same key under a name. */
export const named = (key, kid) => ({ ...key, kid, jwk: { ...key.jwk, kid } });

/** A JWK Set (RFC 7517 section 5). */
export const set = (...keys) => ({ keys: keys.map((key) => key.jwk ?? key) });
