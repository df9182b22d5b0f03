// ECDSA with numbers that can be looked at: deterministic (RFC 6979), and any r and s where a case wants them.
//
// Affine arithmetic, slow and not constant-time: for published test keys alone.
import { createHash, createHmac } from "node:crypto";

const curve = (bytes, hash, p, b, n, x, y) => ({ bytes, hash, p, b, n, g: [x, y], doubles: [] });

/** P-256 and P-384 (FIPS 186-4, D.1.2); a is -3 for both. */
export const P256 = curve(
  32,
  "sha256",
  0xffffffff00000001000000000000000000000000ffffffffffffffffffffffffn,
  0x5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604bn,
  0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n,
  0x6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296n,
  0x4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5n,
);
export const P384 = curve(
  48,
  "sha384",
  0xfffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffeffffffff0000000000000000ffffffffn,
  0xb3312fa7e23ee7e4988e056be3f82d19181d9c6efe8141120314088f5013875ac656398d8a2ed19d2a85c8edd3ec2aefn,
  0xffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973n,
  0xaa87ca22be8b05378eb1c71ef320ad746e1d3b628ba79b9859f741e082542a385502f25dbf55296c3a545e3872760ab7n,
  0x3617de4a96262c6f5d9e98bf9292dc29f8f41dbd289a147ce9da3113b5f0b8c00a60b1ce1d7e819d7a431d7c90ea0e5fn,
);

const mod = (a, m) => ((a % m) + m) % m;

export function inverse(a, m) {
  let [r0, r1, s0, s1] = [m, mod(a, m), 0n, 1n];
  while (r1 > 0n) {
    const q = r0 / r1;
    [r0, r1, s0, s1] = [r1, r0 - q * r1, s1, s0 - q * s1];
  }
  return mod(s0, m);
}

function add({ p }, one, two) {
  if (!one) return two;
  if (!two) return one;
  const [[x1, y1], [x2, y2]] = [one, two];
  if (x1 === x2 && mod(y1 + y2, p) === 0n) return null;
  const slope = x1 === x2 ? (3n * x1 * x1 - 3n) * inverse(2n * y1, p) : (y2 - y1) * inverse(x2 - x1, p);
  const x3 = mod(slope * slope - x1 - x2, p);
  return [x3, mod(slope * (x1 - x3) - y1, p)];
}

/** k times the base point. */
export function base(curve, k) {
  let [sum, bit] = [null, 0];
  for (let rest = k; rest > 0n; rest >>= 1n, bit += 1) {
    curve.doubles[bit] ??= bit === 0 ? curve.g : add(curve, curve.doubles[bit - 1], curve.doubles[bit - 1]);
    if (rest & 1n) sum = add(curve, sum, curve.doubles[bit]);
  }
  return sum;
}

export const toInt = (bytes) => BigInt(`0x${Buffer.from(bytes).toString("hex") || "0"}`);
export const toBytes = (number, length) => Buffer.from(number.toString(16).padStart(2 * length, "0"), "hex");

/** The hash of a message as ECDSA's number: both curves here are as long as their hash. */
export const digest = (curve, message, hash = curve.hash) =>
  toInt(createHash(hash).update(message).digest().subarray(0, curve.bytes));

/** The nonce of RFC 6979 section 3.2, in whole bytes. */
function nonce(curve, d, z) {
  const { bytes, hash, n } = curve;
  const hmac = (key, ...parts) => createHmac(hash, key).update(Buffer.concat(parts)).digest();
  const seed = Buffer.concat([toBytes(d, bytes), toBytes(mod(z, n), bytes)]);
  let [key, value] = [Buffer.alloc(bytes), Buffer.alloc(bytes, 1)];
  for (const tag of [0, 1]) {
    key = hmac(key, value, Buffer.of(tag), seed);
    value = hmac(key, value);
  }
  for (;;) {
    value = hmac(key, value);
    const k = toInt(value);
    if (k > 0n && k < n) return k;
    key = hmac(key, value, Buffer.of(0));
    value = hmac(key, value);
  }
}

/** r and s of a message, under the private number d. */
export function sign(curve, d, message, hash = curve.hash) {
  const z = digest(curve, message, hash);
  const k = nonce(curve, d, z);
  const r = mod(base(curve, k)[0], curve.n);
  return { r, s: mod(inverse(k, curve.n) * (z + r * d), curve.n) };
}

/** A private number under which a message has the signature (r, s), for a freely chosen s: d = (k s - z) / r. */
export function keyFor(curve, message, s) {
  const k = 0x636f72707573n;
  const r = mod(base(curve, k)[0], curve.n);
  const d = mod((k * s - digest(curve, message)) * inverse(r, curve.n), curve.n);
  return { r, d, point: base(curve, d) };
}

/** The signature of RFC 7518 section 3.4: r and s, each as long as the curve. */
export const concat = (curve, r, s) => Buffer.concat([toBytes(r, curve.bytes), toBytes(s, curve.bytes)]);

/** The signature in DER (RFC 3279 section 2.2.3), which JWS does not use. */
export function der(r, s) {
  const integer = (number) => {
    const hex = number.toString(16);
    const bytes = Buffer.from(hex.padStart(hex.length + (hex.length % 2), "0"), "hex");
    const content = bytes[0] & 0x80 ? Buffer.concat([Buffer.of(0), bytes]) : bytes;
    return Buffer.concat([Buffer.of(2, content.length), content]);
  };
  const body = Buffer.concat([integer(r), integer(s)]);
  return Buffer.concat([Buffer.of(0x30, body.length), body]);
}
