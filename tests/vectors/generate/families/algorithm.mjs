// `none`, unknown names, and a key used with another algorithm than its own (RFC 8725 sections 2.1, 3.1 and 3.2).
import { createHmac, createPublicKey } from "node:crypto";
import { accept, claims, header, reject, signed, token } from "../case.mjs";
import { OURS, b64, named, secret, set } from "../keys.mjs";

const empty = Buffer.alloc(0);
const withKey = (key) => ({ keys: set(key), algorithms: [key.alg] });

const NONE = [
  "none", "None", "NONE", "nOnE", "NonE", "noNE", " none", "none ", "none\n", "none\u0000", "n\u043ene", "ｎｏｎｅ",
  "n\u200bone", "none;", "null", "undefined", "",
];

/** Every spelling, with no signature, with the honest one, and where the set has a public key. */
const none = NONE.flatMap((alg, i) => {
  const name = `${i}_${alg.toLowerCase().replace(/[^a-z]/g, "") || "empty"}`;
  const why = `alg ${JSON.stringify(alg)} is not in the allow-list (RFC 8725 section 3.1, RFC 7515 section 4.1.1)`;
  return [
    reject(`none/${name}/unsigned`, "algorithm", why, token(header(alg), claims(), empty)),
    reject(`none/${name}/signed`, "algorithm", why, token(header(alg), claims(), OURS.HS256.sign)),
    reject(`none/${name}/public_key`, "algorithm", why, token(header(alg), claims(), empty), withKey(OURS.RS256)),
  ];
});

const allowed = ["none", "None", ""].map((alg, i) =>
  reject(`none/${i}_in_the_allow_list`, "algorithm", "none is no algorithm, whoever allows it (RFC 8725 section 3.2)",
    token(header(alg), claims(), empty), { algorithms: ["HS256", alg] }));

const missing = [
  ["null", '{"alg":null,"typ":"at+jwt"}'],
  ["missing", '{"typ":"at+jwt"}'],
  ["false", '{"alg":false,"typ":"at+jwt"}'],
  ["zero", '{"alg":0,"typ":"at+jwt"}'],
  ["array", '{"alg":["none"],"typ":"at+jwt"}'],
  ["empty_array", '{"alg":[],"typ":"at+jwt"}'],
  ["object", '{"alg":{"none":null},"typ":"at+jwt"}'],
  ["other_case_of_member", '{"ALG":"HS256","typ":"at+jwt"}'],
].flatMap(([name, head]) => {
  const why = "alg must be there and a string (RFC 7515 section 4.1.1)";
  return [
    reject(`none/${name}/unsigned`, "header", why, token(head, claims(), empty)),
    reject(`none/${name}/signed`, "header", why, token(head, claims(), OURS.HS256.sign)),
  ];
});

const absent = "an absent signature verifies under no algorithm that has one (RFC 7515 section 5.2)";
const unsigned = [
  ...Object.values(OURS).map((key) =>
    reject(`none/no_signature/${key.alg}`, "signature", absent, token(header(key.alg), claims(), empty), withKey(key))),
];

const NAMES = [
  "hs256", "Hs256", "HS256 ", " HS256", "HS256\u0000", "HS256\n", "HS-256", "HS", "HS1", "HS2560", "ＨＳ256", "HMAC",
  "HmacSHA256", "RS1", "RSA1_5", "ES256K", "ES512", "Ed25519", "Ed448", "eddsa", "EDDSA", "dir", "A256KW", "A128GCM",
  "1", "true", "HS256,none", "none,HS256", "*",
];
const names = NAMES.map((alg, i) =>
  reject(`alg_name/${i}_${alg.replace(/[^A-Za-z0-9]/g, "") || "other"}`, "algorithm",
    `alg ${JSON.stringify(alg)} is not in the allow-list; names are compared byte for byte (RFC 7515 section 4.1.1)`,
    token(header(alg), claims(), OURS.HS256.sign)));

const types = [
  ["object_hs256", '{"alg":{"HS256":null},"typ":"at+jwt"}'],
  ["array_hs256", '{"alg":["HS256"],"typ":"at+jwt"}'],
  ["number", '{"alg":256,"typ":"at+jwt"}'],
  ["true", '{"alg":true,"typ":"at+jwt"}'],
].map(([name, head]) =>
  reject(`alg_type/${name}`, "header", "alg is a string (RFC 7515 section 4.1.1)",
    token(head, claims(), OURS.HS256.sign)));

/** What an attacker has of a public key, used as an HMAC secret. */
function secrets(key) {
  const publicKey = createPublicKey(key.key);
  const pem = publicKey.export({ type: "spki", format: "pem" });
  const rows = [
    ["pem", pem],
    ["pem_trimmed", pem.trimEnd()],
    ["pem_crlf", pem.replaceAll("\n", "\r\n")],
    ["pem_body", pem.split("\n").slice(1, -2).join("")],
    ["der", publicKey.export({ type: "spki", format: "der" })],
    ["jwk_text", JSON.stringify(key.jwk)],
    ["jwks_text", JSON.stringify(set(key))],
    ["empty", ""],
  ];
  const { n, e, x, y } = key.jwk;
  if (n) {
    rows.push(["pkcs1_pem", publicKey.export({ type: "pkcs1", format: "pem" })]);
    rows.push(["pkcs1_der", publicKey.export({ type: "pkcs1", format: "der" })]);
    rows.push(["n", Buffer.from(n, "base64url")], ["n_text", n], ["e", Buffer.from(e, "base64url")]);
  } else {
    rows.push(["x", Buffer.from(x, "base64url")], ["x_text", x]);
  }
  if (y) {
    const [bx, by] = [x, y].map((text) => Buffer.from(text, "base64url"));
    rows.push(["point", Buffer.concat([Buffer.of(4), bx, by])],
      ["point_compressed", Buffer.concat([Buffer.of(2 + (by.at(-1) & 1)), bx])]);
  }
  return rows;
}

const sha = (alg) => `sha${alg.slice(2)}`;
const confused = (bytes, alg = "HS256", head = {}) =>
  token(header(alg, head), claims(), (text) => createHmac(sha(alg), bytes).update(text).digest());

const confusion = ["RS256", "PS256", "ES256", "ES384", "EdDSA"].flatMap((alg) =>
  secrets(OURS[alg]).map(([name, bytes]) =>
    reject(`confusion/${alg}/${name}`, "algorithm",
      "a public key is no secret: HS256 is not the key's algorithm (RFC 8725 sections 2.1 and 3.1)",
      confused(bytes), withKey(OURS[alg]))));

const rsa = named(OURS.RS256, "rsa");
const oct = named(OURS.HS256, "oct");
const pem = createPublicKey(rsa.key).export({ type: "spki", format: "pem" });
const both = { keys: set(rsa, oct), algorithms: ["RS256", "HS256"] };
const pinned = "each key is pinned to one algorithm, also where the other is allowed (RFC 8725 section 3.1)";
const mixed = [
  reject("confusion/both_allowed/only_rsa", "unknown_key", pinned, confused(pem),
    { keys: set(OURS.RS256), algorithms: ["RS256", "HS256"] }),
  reject("confusion/both_allowed/only_rsa_without_alg", "unknown_key", pinned, confused(pem),
    { keys: set({ ...OURS.RS256.jwk, alg: undefined }), algorithms: ["RS256", "HS256"] }),
  reject("confusion/both_in_set/named_as_rsa", "unknown_key", pinned,
    confused(pem, "HS256", { kid: "rsa" }), both),
  reject("confusion/both_in_set/named_as_oct", "signature", pinned, confused(pem, "HS256", { kid: "oct" }),
    both),
  reject("confusion/both_in_set/nameless", "signature", pinned, confused(pem), both),
  reject("confusion/both_in_set/hs384", "algorithm", pinned, confused(pem, "HS384"), both),
  reject("confusion/both_in_set/hs512", "algorithm", pinned, confused(pem, "HS512"), both),
  reject("confusion/both_in_set/rsa_named_as_oct", "unknown_key", pinned, signed({ key: rsa, head: { kid: "oct" } }),
    both),
  accept("honest/both_in_set/rsa", pinned, signed({ key: rsa }), both),
  accept("honest/both_in_set/oct", pinned, signed({ key: oct }), both),
];

/** An honest signature under one name, in a header that says another. */
const swap = (id, reason, key, said, options = withKey(key)) =>
  reject(`confusion/said_otherwise/${id}`, reason,
    "the header's alg is what is verified, with that algorithm's own key alone (RFC 8725 section 3.1)",
    token(header(said), claims(), key.sign), options);
const swapped = [
  swap("rs256_as_ps256", "algorithm", OURS.RS256, "PS256"),
  swap("ps256_as_rs256", "algorithm", OURS.PS256, "RS256"),
  swap("rs256_as_rs512", "algorithm", OURS.RS256, "RS512"),
  swap("rs256_as_ps256_allowed", "unknown_key", OURS.RS256, "PS256",
    { keys: set(OURS.RS256), algorithms: ["RS256", "PS256"] }),
  swap("rs256_as_ps256_same_key", "signature", OURS.RS256, "PS256", { keys: set(OURS.RS256, OURS.PS256) }),
  swap("ps256_as_rs256_same_key", "signature", OURS.PS256, "RS256", { keys: set(OURS.RS256, OURS.PS256) }),
  swap("hs256_as_hs384", "algorithm", OURS.HS256, "HS384"),
  swap("hs256_as_hs512_same_secret", "signature", OURS.HS256, "HS512", { keys: set(OURS.HS256, OURS.HS512) }),
  swap("es256_as_es384_both", "signature", OURS.ES256, "ES384", { keys: set(OURS.ES256, OURS.ES384) }),
  swap("es256_as_eddsa_both", "signature", OURS.ES256, "EdDSA", { keys: set(OURS.ES256, OURS.EdDSA) }),
  swap("eddsa_as_es256_both", "signature", OURS.EdDSA, "ES256", { keys: set(OURS.ES256, OURS.EdDSA) }),
  swap("not_in_the_list", "algorithm", OURS.HS256, "HS256",
    { keys: set(OURS.HS256, OURS.RS256), algorithms: ["RS256"] }),
];

// Zero bytes up to the hash's block are the empty secret: HMAC fills up with them (RFC 2104 section 2).
const guessed = [
  ["empty", ""], ["zeros_beyond_a_block", Buffer.alloc(65)], ["ones", Buffer.alloc(64, 1)], ["password", "password"],
  ["secret", "secret"], ["our_secret_as_text", b64(secret("ours"))], ["hashed_half", secret("ours").subarray(0, 32)],
].map(([name, bytes]) =>
  reject(`wrong_secret/${name}`, "signature", "another secret makes another signature (RFC 7518 section 3.2)",
    confused(bytes)));

export default [...none, ...allowed, ...missing, ...unsigned, ...names, ...types, ...confusion, ...mixed, ...swapped,
  ...guessed];
