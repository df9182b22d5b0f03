// Tokens as honest issuers make them, for every algorithm; and key sets that are refused before any token is looked at.
import { AUDIENCE, NOW, accept, claims, error, signed } from "../case.mjs";
import { OURS, b64, named, secret, set } from "../keys.mjs";

const why = "RFC 7515 section 5.2, RFC 7518 section 3.1, RFC 8037 section 3.1";
const each = Object.entries(OURS).flatMap(([alg, key]) => {
  const ours = named(key, `${alg}-1`);
  const withKey = { keys: set(ours) };
  const bare = { ...key.jwk, alg: undefined };
  return [
    ["plain", signed({ key }), { keys: set(key) }],
    ["kid", signed({ key: ours }), withKey],
    ["key_with_a_name_token_without", signed({ key }), withKey],
    ["key_without_alg", signed({ key }), { keys: set(bare), algorithms: [alg] }],
    ["every_algorithm_allowed", signed({ key }), { keys: set(key), algorithms: Object.keys(OURS) }],
    ["among_all_keys", signed({ key }), { keys: set(...Object.values(OURS)) }],
    ["among_all_named", signed({ key: ours }),
      { keys: set(...Object.entries(OURS).map(([name, one]) => named(one, `${name}-1`))) }],
    ["key_for_signatures", signed({ key: ours }),
      { keys: set({ ...ours.jwk, use: "sig", key_ops: ["verify"] }), algorithms: [alg] }],
    ["audiences", signed({ key, payload: claims({ aud: ["x", AUDIENCE] }) }), { keys: set(key) }],
    ["jwt_of_any_type", signed({ key, head: { typ: "JWT" } }), { keys: set(key), typ: null }],
    ["no_type", signed({ key, head: { typ: undefined } }), { keys: set(key), typ: null }],
    ["fractions", signed({ key, payload: claims({ iat: NOW - 0.5, nbf: NOW - 0.25, exp: NOW + 0.75 }) }),
      { keys: set(key) }],
    ["unicode", signed({ key, payload: claims({ sub: "Zoë", name: "漢字 🔑 \u202e", "ключ": ["ÿ", { "": null }] }) }),
      { keys: set(key) }],
    ["session", signed({ key, payload: claims({ jti: "7", sid: b64(Buffer.alloc(16, 7)), gen: 3, auth_time: NOW - 60,
      scope: "read write" }) }), { keys: set(key) }],
    ["header_parameters", signed({ key, head: { cty: "x", x: { y: [1, null] }, "é": 1, ppt: "x" } }),
      { keys: set(key) }],
    ["large", signed({ key, payload: claims({ roles: Array.from({ length: 300 }, (_, i) => `role-${i}`) }) }),
      { keys: set(key) }],
    ["leeway", signed({ key, payload: claims({ exp: NOW - 29, nbf: NOW + 30, iat: NOW + 60 }) }),
      { keys: set(key), leeway: 30 }],
  ].map(([name, text, options]) => accept(`honest/${alg}/${name}`, why, text, options));
});

/** Keys that no application may be started with. */
const oct = (bytes, more = {}) => ({ kty: "oct", alg: "HS256", k: b64(bytes), ...more });
const point = (coordinate, more) => ({ ...OURS.ES256.jwk, [coordinate]: more });
const bad = [
  ["secret_empty", "too_short", oct(""), "RFC 7518 section 3.2"],
  ["secret_of_31_bytes", "too_short", oct(secret("short").subarray(0, 31)), "RFC 7518 section 3.2"],
  ["secret_for_hs512_of_63_bytes", "too_short", oct(secret("short").subarray(0, 63), { alg: "HS512" }),
    "RFC 7518 section 3.2"],
  ["secret_of_zeros", "weak", oct(Buffer.alloc(64)), "RFC 8725 section 3.5"],
  ["secret_is_pem", "pem_as_secret", oct("-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEA\n-----END PUBLIC KEY-----\n"),
    "RFC 8725 section 2.1"],
  ["secret_in_standard_base64", "format", { ...oct(""), k: "+/+/+/+/+/+/+/+/+/+/+/+/+/+/+/+/+/+/+/+/+/+/+/+/" },
    "RFC 7518 section 6.4.1"],
  ["secret_is_number", "format", { ...oct(""), k: 1 }, "RFC 7518 section 6.4.1"],
  ["rsa_small", "rsa_size", { ...OURS.RS256.jwk, n: b64(secret("n").map((byte) => byte | 1)) }, "RFC 7518 section 3.3"],
  ["rsa_exponent_one", "rsa_exponent", { ...OURS.RS256.jwk, e: "AQ" }, "RFC 8017 section 3.1"],
  ["rsa_exponent_even", "rsa_exponent", { ...OURS.RS256.jwk, e: "Ag" }, "RFC 8017 section 3.1"],
  ["ec_off_the_curve", "point", point("x", b64(Buffer.alloc(32, 1))), "RFC 8725 section 3.4"],
  ["ec_zero", "point", { ...point("x", b64(Buffer.alloc(32))), y: b64(Buffer.alloc(32)) }, "RFC 8725 section 3.4"],
  ["ec_short_coordinate", "mismatch", point("y", b64(Buffer.alloc(31, 1))), "RFC 7518 section 6.2.1.3"],
  ["ec_of_another_curve", "mismatch", { ...OURS.ES384.jwk, crv: "P-256", alg: "ES256" }, "RFC 7518 section 6.2.1"],
  ["ed25519_small_order", "point", { ...OURS.EdDSA.jwk, x: b64(Buffer.concat([Buffer.of(1), Buffer.alloc(31)])) },
    "RFC 8725 section 3.4"],
  ["ed25519_short", "mismatch", { ...OURS.EdDSA.jwk, x: b64(Buffer.alloc(31, 9)) }, "RFC 8037 section 2"],
  ["private_key", "private", { ...OURS.EdDSA.key.export({ format: "jwk" }), alg: "EdDSA" }, "RFC 7517 section 9.2"],
].map(([name, kind, jwk, section]) =>
  error(`keys/${name}`, kind, `the key is refused (${section})`, signed(), { keys: { keys: [jwk] } }));
const one = named(OURS.HS256, "one");
const sets = [
  error("keys/several_algorithms_remain", "ambiguous", "a key has one algorithm (RFC 8725 section 3.1)",
    signed({ key: OURS.RS256 }), { keys: set({ ...OURS.RS256.jwk, alg: undefined }), algorithms: ["RS256", "PS256"] }),
  error("keys/several_hmac_remain", "ambiguous", "a key has one algorithm (RFC 8725 section 3.1)", signed(),
    { keys: set({ ...OURS.HS256.jwk, alg: undefined }), algorithms: ["HS256", "HS384"] }),
  error("keys/one_name_twice", "duplicate", "a kid names one key (RFC 7517 section 4.5)", signed({ key: one }),
    { keys: set(one, one) }),
  error("keys/one_key_twice", "duplicate", "no token could say which of the two it means (RFC 7517 section 4.5)",
    signed(), { keys: set(OURS.HS256, OURS.HS256) }),
  accept("honest/keys/unknown_names_in_the_list", "a name that is not supported allows nothing (RFC 8725 section 3.1)",
    signed(), { algorithms: ["none", "HS256", "ES512", "hs384", ""] }),
  error("keys/no_set", "format", "a JWK Set has an array of keys (RFC 7517 section 5)", signed(),
    { keys: { keys: {} }, algorithms: ["HS256"] }),
  accept("honest/keys/others_are_left_out",
    "what is for another use or of an unknown type is left out (RFC 7517 section 5)", signed({ key: one }),
    { keys: set(one, { ...OURS.RS256.jwk, use: "enc", alg: "RSA-OAEP" }, { kty: "LMS", kid: "x" },
      { kty: "OKP", crv: "X25519", x: b64(Buffer.alloc(32, 9)) }), algorithms: ["HS256"] }),
  accept("honest/keys/more_members_in_the_set", "unknown members are ignored (RFC 7517 section 5)",
    signed({ key: one }), { keys: { ...set(one), name: "x", list: [1] } }),
];

export default [...each, ...bad, ...sets];
