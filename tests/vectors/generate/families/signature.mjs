// Signatures: ECDSA's numbers and encodings, RSA's paddings, lengths, and keys that are not the one that was meant.
import { createHmac } from "node:crypto";
import { accept, claims, header, message, reject, signed, token } from "../case.mjs";
import * as ecdsa from "../ecdsa.mjs";
import { FOREIGN, OURS, THEIRS, ecFrom, named, set } from "../keys.mjs";
import * as rsa from "../rsa.mjs";

const withKey = (key) => ({ keys: set(key) });

/** A token whose signature is what `make` does to the honest r and s. */
function numbers(key, make, payload = claims()) {
  return token(header(key.alg), payload, (text) => {
    const { r, s } = ecdsa.sign(key.curve, key.d, text);
    return make(r, s, key.curve, text);
  });
}

const range = "r and s are from 1 to n - 1 (RFC 7518 section 3.4; FIPS 186-5 section 6.4.2, step 1)";
const RANGE = [
  ["r_zero", (r, s, c) => [0n, s]],
  ["s_zero", (r, s, c) => [r, 0n]],
  ["both_zero", () => [0n, 0n]],
  ["r_n", (r, s, c) => [c.n, s]],
  ["s_n", (r, s, c) => [r, c.n]],
  ["both_n", (r, s, c) => [c.n, c.n]],
  ["r_n_s_zero", (r, s, c) => [c.n, 0n]],
  ["r_n_plus_1", (r, s, c) => [c.n + 1n, s]],
  ["s_n_plus_1", (r, s, c) => [r, c.n + 1n]],
  ["both_n_plus_1", (r, s, c) => [c.n + 1n, c.n + 1n]],
  ["r_p", (r, s, c) => [c.p, s]],
  ["s_p", (r, s, c) => [r, c.p]],
  ["r_zero_s_one", () => [0n, 1n]],
  ["r_one_s_zero", () => [1n, 0n]],
  ["r_largest", (r, s, c) => [(1n << BigInt(8 * c.bytes)) - 1n, s]],
  ["s_largest", (r, s, c) => [r, (1n << BigInt(8 * c.bytes)) - 1n]],
  ["both_largest", (r, s, c) => Array(2).fill((1n << BigInt(8 * c.bytes)) - 1n)],
];
const WRONG = [
  ["both_one", () => [1n, 1n]],
  ["both_n_minus_1", (r, s, c) => [c.n - 1n, c.n - 1n]],
  ["r_base_point_s_one", (r, s, c) => [c.g[0] % c.n, 1n]],
  ["exchanged", (r, s) => [s, r]],
  ["r_negated", (r, s, c) => [c.n - r, s]],
  ["r_twice", (r) => [r, r]],
  ["s_plus_1", (r, s, c) => [r, (s + 1n) % c.n]],
  ["s_inverted", (r, s, c) => [r, ecdsa.inverse(s, c.n)]],
];
const width = "r and s are each as long as the curve, one after the other, and nothing else (RFC 7518 section 3.4)";
const ENCODING = [
  ["der", ecdsa.der],
  ["der_negated_s", (r, s, c) => ecdsa.der(r, c.n - s)],
  ["der_of_zeros", () => ecdsa.der(0n, 0n)],
  ["der_cut", (r, s, c) => ecdsa.der(r, s).subarray(0, 2 * c.bytes)],
  ["hex", (r, s, c) => Buffer.from(ecdsa.concat(c, r, s).toString("hex"))],
  ["base64url_twice", (r, s, c) => Buffer.from(ecdsa.concat(c, r, s).toString("base64url"))],
  ["wider", (r, s, c) => Buffer.concat([ecdsa.toBytes(r, c.bytes + 1), ecdsa.toBytes(s, c.bytes + 1)])],
  ["wider_by_16", (r, s, c) => Buffer.concat([ecdsa.toBytes(r, c.bytes + 16), ecdsa.toBytes(s, c.bytes + 16)])],
  ["point_byte", (r, s, c) => Buffer.concat([Buffer.of(4), ecdsa.concat(c, r, s)])],
  ["recovery_byte", (r, s, c) => Buffer.concat([ecdsa.concat(c, r, s), Buffer.of(1)])],
  ["little_endian", (r, s, c) => Buffer.concat([ecdsa.toBytes(r, c.bytes).reverse(),
    ecdsa.toBytes(s, c.bytes).reverse()])],
  ["s_alone", (r, s, c) => ecdsa.toBytes(s, c.bytes)],
];
const pairs = (rows) => rows.map(([name, make]) => [name, (r, s, c) => ecdsa.concat(c, ...make(r, s, c))]);
const ec = [OURS.ES256, OURS.ES384].flatMap((key) => [
  ...pairs(RANGE).map(([name, make]) => reject(`ecdsa_range/${key.alg}/${name}`, "signature", range,
    numbers(key, make), withKey(key))),
  ...pairs(WRONG).map(([name, make]) => reject(`ecdsa_numbers/${key.alg}/${name}`, "signature",
    "another pair of numbers is another signature (RFC 7518 section 3.4)", numbers(key, make), withKey(key))),
  ...ENCODING.map(([name, make]) => reject(`ecdsa_encoding/${key.alg}/${name}`, "signature", width, numbers(key, make),
    withKey(key))),
  // (r, n - s) verifies wherever (r, s) does, and no RFC of JOSE forbids the larger of the two. So a token's text is no name
  // for the token: whoever can see one can write another of the same meaning.
  accept(`honest/ecdsa_high_s/${key.alg}`, "RFC 7518 section 3.4 asks for no low s: both of the two are signatures",
    numbers(key, (r, s, c) => ecdsa.concat(c, r, s > c.n / 2n ? s : c.n - s), claims({ jti: "s" })), withKey(key)),
  accept(`honest/ecdsa_low_s/${key.alg}`, "RFC 7518 section 3.4",
    numbers(key, (r, s, c) => ecdsa.concat(c, r, s > c.n / 2n ? c.n - s : s), claims({ jti: "s" })), withKey(key)),
]);

/** Keys for which s = 1 is honest: then s + n fits into the width, and only the range check refuses it. */
const tiny = [["ES256", ecdsa.P256], ["ES384", ecdsa.P384]].flatMap(([alg, curve]) => {
  const made = ecdsa.keyFor(curve, message(header(alg), claims()), 1n);
  const key = ecFrom(alg, curve, made);
  const at = (r, s) => token(header(alg), claims(), ecdsa.concat(curve, r, s));
  return [
    accept(`honest/ecdsa_s_one/${alg}`, "1 is in the range (FIPS 186-5 section 6.4.2; RFC 7518 section 3.4)",
      at(made.r, 1n), withKey(key)),
    reject(`ecdsa_range/${alg}/s_one_plus_n`, "signature", range, at(made.r, 1n + curve.n), withKey(key)),
    reject(`ecdsa_range/${alg}/s_of_another_key`, "signature", range, at(made.r, 1n), withKey(OURS[alg])),
  ];
});

const padding = "the padding is exactly what RFC 8017 section 8.2.2 encodes again and compares";
const encode = (make) => token(header("RS256"), claims(), (text) => rsa.raw(OURS.RS256.key, make(Buffer.from(text))));
const PKCS1 = [
  ["sha384", (text) => rsa.pkcs1(256, "sha384", text)],
  ["sha512", (text) => rsa.pkcs1(256, "sha512", text)],
  ["block_type_2", (text) => rsa.pkcs1(256, "sha256", text, { blockType: 2 })],
  ["block_type_0", (text) => rsa.pkcs1(256, "sha256", text, { blockType: 0 })],
  ["no_digest_info", (text) => rsa.pkcs1(256, "sha256", text, { prefix: Buffer.alloc(0) })],
  ["no_null", (text) => rsa.pkcs1(256, "sha256", text, { prefix: rsa.withoutNull })],
  ["garbage_behind", (text) => rsa.pkcs1(256, "sha256", text, { garbage: 190 })],
  ["one_byte_behind", (text) => rsa.pkcs1(256, "sha256", text, { garbage: 1 })],
  ["pss", (text) => rsa.pss(256, "sha256", text)],
].map(([name, make]) => reject(`rsa_padding/pkcs1_${name}`, "signature", padding, encode(make), withKey(OURS.RS256)));

const salted = (alg, options) =>
  token(header(alg), claims(),
    (text) => rsa.raw(OURS[alg].key, rsa.pss(256, `sha${alg.slice(2)}`, Buffer.from(text), options)));
const PSS = [
  ["no_salt", { saltLength: 0 }, "the salt is as long as the hash (RFC 7518 section 3.5)"],
  ["short_salt", { saltLength: 20 }, "the salt is as long as the hash (RFC 7518 section 3.5)"],
  ["long_salt", { saltLength: 66 }, "the salt is as long as the hash (RFC 7518 section 3.5)"],
  ["sha1_mask", { mgfHash: "sha1" }, "the mask is made by MGF1 with the same hash (RFC 7518 section 3.5)"],
  ["trailer", { trailer: 0xcc }, "the trailer is 0xbc (RFC 8017 section 9.1.2, step 4)"],
].flatMap(([name, options, why]) => ["PS256", "PS384", "PS512"].map((alg) =>
  reject(`rsa_padding/${alg}_${name}`, "signature", why, salted(alg, options), withKey(OURS[alg]))));

const modulus = ecdsa.toInt(Buffer.from(OURS.RS256.jwk.n, "base64url"));
const number = (name, make) =>
  reject(`rsa_range/${name}`, "signature",
    "the representative is from 0 to n - 1, and as long as n (RFC 8017 sections 5.2.2 and 8.2.2)",
  token(header("RS256"), claims(), make), withKey(OURS.RS256));
/** An honest token whose signature, as a number, is so small that n can be added to it. */
function smallSignature() {
  for (let i = 0; ; i += 1) {
    const text = message(header("RS256"), claims({ jti: String(i) }));
    const value = ecdsa.toInt(OURS.RS256.sign(text));
    if (value + modulus < 1n << 2048n) return token(header("RS256"), claims({ jti: String(i) }),
      ecdsa.toBytes(value + modulus, 256));
  }
}
const RSA_RANGE = [
  number("zero", Buffer.alloc(256)),
  number("one", ecdsa.toBytes(1n, 256)),
  number("n_minus_1", ecdsa.toBytes(modulus - 1n, 256)),
  number("n", ecdsa.toBytes(modulus, 256)),
  number("largest", Buffer.alloc(256, 0xff)),
  number("encoded_message", (text) => rsa.pkcs1(256, "sha256", Buffer.from(text))),
  reject("rsa_range/plus_n", "signature", "the representative is below n (RFC 8017 section 5.2.2)", smallSignature(),
    withKey(OURS.RS256)),
];

const L = (1n << 252n) + 27742317777372353535851937790883648493n;
const reversed = (bytes) => Buffer.from(bytes).reverse();
const eddsa = [
  ["s_plus_order", (sig) => Buffer.concat([sig.subarray(0, 32),
    reversed(ecdsa.toBytes(ecdsa.toInt(reversed(sig.subarray(32))) + L, 32))])],
  ["s_zero", (sig) => Buffer.concat([sig.subarray(0, 32), Buffer.alloc(32)])],
  ["r_zero", (sig) => Buffer.concat([Buffer.alloc(32), sig.subarray(32)])],
  ["r_identity_s_zero", () => Buffer.concat([Buffer.of(1), Buffer.alloc(63)])],
  ["zeros", () => Buffer.alloc(64)],
  ["ones", () => Buffer.alloc(64, 0xff)],
  ["exchanged", (sig) => Buffer.concat([sig.subarray(32), sig.subarray(0, 32)])],
  ["negated_r", (sig) => Buffer.concat([sig.subarray(0, 31), Buffer.of(sig[31] ^ 0x80), sig.subarray(32)])],
].map(([name, make]) =>
  reject(`eddsa/${name}`, "signature",
    "S is below the group's order, and the equation must hold (RFC 8032 section 5.1.7)",
  token(header("EdDSA"), claims(), (text) => make(OURS.EdDSA.sign(text))), withKey(OURS.EdDSA)));

/** Truncated and extended, for every algorithm. */
const lengths = Object.values(OURS).flatMap((key) => [
  ["first_byte", (sig) => sig.subarray(0, 1)],
  ["half", (sig) => sig.subarray(0, sig.length / 2)],
  ["a_third", (sig) => sig.subarray(0, sig.length / 3)],
  ["without_last", (sig) => sig.subarray(0, -1)],
  ["without_first", (sig) => sig.subarray(1)],
  ["zero_behind", (sig) => Buffer.concat([sig, Buffer.of(0)])],
  ["zero_before", (sig) => Buffer.concat([Buffer.of(0), sig])],
  ["twice", (sig) => Buffer.concat([sig, sig])],
].map(([name, make]) =>
  reject(`signature_length/${key.alg}/${name}`, "signature",
    "the whole signature is compared, no more and no less (RFC 7515 section 5.2; RFC 7518 sections 3.2 to 3.5)",
  token(header(key.alg), claims(), (text) => make(key.sign(text))), withKey(key))));

const otherWhy = "a signature is good under the key that was meant, and for its own message (RFC 7515 section 5.2)";
const crossed = (head, sign) => token(header(head), claims(), sign);
const otherHash = (key, hash) => (text) => {
  const { r, s } = ecdsa.sign(key.curve, key.d, text, hash);
  return ecdsa.concat(key.curve, r, s);
};
const other = [
  ...Object.entries(THEIRS)
    .map(([alg, key]) => reject(`other_key/${alg}`, "signature", otherWhy, signed({ key }), withKey(OURS[alg]))),
  reject("other_curve/es384_signature_as_es256", "signature", otherWhy, crossed("ES256", OURS.ES384.sign),
    withKey(OURS.ES256)),
  reject("other_curve/es256_signature_as_es384", "signature", otherWhy, crossed("ES384", OURS.ES256.sign),
    withKey(OURS.ES384)),
  reject("other_curve/es256_padded_to_es384", "signature", otherWhy, token(header("ES384"), claims(), (text) => {
    const { r, s } = ecdsa.sign(ecdsa.P256, OURS.ES256.d, text);
    return ecdsa.concat(ecdsa.P384, r, s);
  }), withKey(OURS.ES384)),
  reject("other_curve/p256_with_sha384", "signature", "ES256 is P-256 with SHA-256 (RFC 7518 section 3.4)",
    crossed("ES256", otherHash(OURS.ES256, "sha384")), withKey(OURS.ES256)),
  reject("other_curve/p384_with_sha256", "signature", "ES384 is P-384 with SHA-384 (RFC 7518 section 3.4)",
    crossed("ES384", otherHash(OURS.ES384, "sha256")), withKey(OURS.ES384)),
  reject("other_curve/es384_header_p256_key", "algorithm", otherWhy, signed({ key: OURS.ES384 }), withKey(OURS.ES256)),
  reject("other_curve/es384_header_p256_key_both_allowed", "unknown_key", otherWhy, signed({ key: OURS.ES384 }),
    { keys: set(OURS.ES256), algorithms: ["ES256", "ES384"] }),
  reject("other_curve/es384_named_as_p256", "unknown_key", otherWhy,
    signed({ key: OURS.ES384, head: { kid: "p256" } }),
      { keys: set(named(OURS.ES256, "p256"), named(OURS.ES384, "p384")) }),
  reject("other_curve/eddsa_as_es256", "signature", otherWhy, crossed("ES256", OURS.EdDSA.sign), withKey(OURS.ES256)),
  reject("other_curve/es256_as_eddsa", "signature", otherWhy, crossed("EdDSA", OURS.ES256.sign), withKey(OURS.EdDSA)),
  // Such a key is left out (RFC 7517 section 5), whatever it says of itself.
  ...[["ES256", "secp256k1"], ["EdDSA", "x25519"]].map(([alg, curve]) =>
    reject(`other_curve/key_of_${curve}`, "unknown_key",
      "the curve is part of the algorithm (RFC 7518 section 3.4, RFC 8037 section 3.1)",
      signed({ key: OURS[alg] }), { keys: set(FOREIGN[curve]), algorithms: [alg] })),
  reject("other_curve/es512", "algorithm", "P-521 is no algorithm here (RFC 8725 section 3.1)",
    crossed("ES512", Buffer.alloc(132, 1)), withKey(OURS.ES256)),
  reject("other_curve/es256k", "algorithm",
    "secp256k1 is no algorithm here (RFC 8812 section 3.2; RFC 8725 section 3.1)", crossed("ES256K", OURS.ES256.sign),
      withKey(OURS.ES256)),
];

const [h, p, s] = signed().split(".");
const [, otherPayload, otherSignature] = signed({ payload: claims({ sub: "root" }) }).split(".");
const hmac = (text) => createHmac("sha256", OURS.HS256.bytes).update(text).digest("base64url");
const moved = [
  ["payload_of_another", `${h}.${otherPayload}.${s}`],
  ["signature_of_another", `${h}.${p}.${otherSignature}`],
  ["over_payload_alone", `${h}.${p}.${hmac(p)}`],
  ["over_header_alone", `${h}.${p}.${hmac(h)}`],
  ["over_decoded_text", `${h}.${p}.${hmac(`${Buffer.from(h, "base64url")}.${Buffer.from(p, "base64url")}`)}`],
  ["over_a_dot_more", `${h}.${p}.${hmac(`${h}.${p}.`)}`],
  ["in_hex", `${h}.${p}.${Buffer.from(s, "base64url").toString("hex")}`],
].map(([name, text]) =>
  reject(`wrong_message/${name}`, "signature",
    "the signature is over the two first segments as they stand (RFC 7515 section 5.2, step 8)", text));

export default [...ec, ...tiny, ...PKCS1, ...PSS, ...RSA_RANGE, ...eddsa, ...lengths, ...other, ...moved];
