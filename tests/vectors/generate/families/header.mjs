// The header beside `alg`: keys that come along, `kid`, `crit`, `b64`, `typ`, and several at once.
import { createHmac } from "node:crypto";
import { AUDIENCE, accept, claims, header, reject, signed, token } from "../case.mjs";
import { OURS, THEIRS, b64, named, set } from "../keys.mjs";

const withKey = (key) => ({ keys: set(key) });
const slug = (text) => text.toLowerCase().replace(/[^a-z0-9]+/g, "_").replace(/^_|_$/g, "") || "other";

/** A header that carries, or points to, a key: the attacker's in what is refused, anybody's in what is accepted. */
const EMBEDDED = [
  ["jwk", (key) => ({ jwk: key.jwk })],
  ["jwk_with_our_kid", (key) => ({ kid: "ours", jwk: { ...key.jwk, kid: "ours" } })],
  ["jwk_that_claims_our_algorithm",
    (key, ours) => ({ jwk: { ...key.jwk, alg: ours.alg, use: "sig", key_ops: ["verify"] } })],
  ["jku", () => ({ jku: "http://127.0.0.1:9/jwks.json" })],
  ["jku_data", (key) => ({ jku: `data:application/json,${encodeURIComponent(JSON.stringify(set(key)))}` })],
  ["jku_file", () => ({ jku: "file:///etc/passwd" })],
  ["jku_issuer_and_userinfo", () => ({ jku: "https://id.example@evil.example/jwks.json" })],
  ["x5u", () => ({ x5u: "http://127.0.0.1:9/chain.pem" })],
  ["x5c", () => ({ x5c: [Buffer.from("not a certificate").toString("base64")] })],
  ["x5t", () => ({ x5t: b64(Buffer.alloc(20, 7)), "x5t#S256": b64(Buffer.alloc(32, 7)) })],
  ["all", (key) => ({ jwk: key.jwk, jku: "http://127.0.0.1:9/", x5u: "http://127.0.0.1:9/", x5c: ["AAAA"] })],
];
const never = "keys that come with the token are never looked at (RFC 8725 section 3.10; RFC 7515 section 10.3)";
const embedded = ["HS256", "RS256", "ES256", "EdDSA"].flatMap((alg) => {
  const [ours, theirs] = [named(OURS[alg], "ours"), THEIRS[alg]];
  return EMBEDDED.flatMap(([name, head]) => [
    reject(`embedded/${alg}/${name}`, "signature", never, signed({ key: theirs, head: head(theirs, ours) }),
      withKey(ours)),
    accept(`honest/embedded/${alg}/${name}`, never, signed({ key: ours, head: head(theirs, ours) }), withKey(ours)),
  ]);
});
const odd = [["null", null], ["text", "x"], ["number", 1], ["array", []], ["object", {}],
  ["true", true]].flatMap(([name, value]) =>
  ["jwk", "jku", "x5c", "x5u"].map((member) =>
    accept(`honest/embedded_type/${member}_${name}`, never, signed({ head: { [member]: value } }))));
const twice = reject("embedded/member_twice_inside", "header",
  "members are unique, also inside (RFC 7515 sections 4 and 10.12)",
  signed({ raw: '{"alg":"HS256","typ":"at+jwt","jwk":{"kty":"oct","kty":"RSA"}}' }));

const KIDS = [
  "", " ", "0", "null", "undefined", "../../../../dev/null", "/dev/null", "..\\..\\windows\\win.ini",
  "file:///dev/null", "http://127.0.0.1:9/key", "' OR '1'='1", "ours' UNION SELECT 'secret';--", "1; DROP TABLE keys",
  "${jndi:ldap://127.0.0.1/a}", "$(id)", "`id`", "| id", "{{7*7}}", "%00", "%6furs", "*", "ours\u0000", "ours\n",
  "ours ", " ours", "OURS", "oürs", "ｏurs", "\u043eurs", "ou\u200brs", "our\u0301s", "🔑", "\u202eours", "__proto__",
  "constructor", "ours,other", "ours".repeat(1000),
];
const kidWhy =
  "a kid is a hint, compared byte for byte with the set's names, and nothing else (RFC 7515 section 4.1.4; RFC 8725 section 3.10)";
const kid = KIDS.flatMap((text, i) => {
  const name = `${i}_${text.length > 100 ? "huge" : slug(text)}`;
  const key = named(OURS.HS256, "ours");
  const empty = token(header("HS256", { kid: text }), claims(),
    (signed) => createHmac("sha256", "").update(signed).digest());
  return [
    reject(`kid/${name}/unknown`, "unknown_key", kidWhy, signed({ key, head: { kid: text } }), withKey(key)),
    reject(`kid/${name}/empty_secret`, "unknown_key", kidWhy, empty, withKey(key)),
    accept(`honest/kid/${name}`, kidWhy, signed({ key: named(OURS.HS256, text) }), withKey(named(OURS.HS256, text))),
  ];
});
const [one, two] = [named(OURS.HS256, "one"), named(THEIRS.HS256, "two")];
const asymmetric = [named(OURS.ES256, "one"), named(THEIRS.ES256, "two")];
const kidRows = [
  ...[["null", null], ["true", true], ["number", 1], ["array", ["ours"]], ["object", { kid: "ours" }]]
    .map(([name, value]) =>
    reject(`kid_type/${name}`, "header", "kid is a string (RFC 7515 section 4.1.4)", signed({ head: { kid: value } }))),
  reject("kid_type/twice", "header", "members are unique (RFC 7515 section 4)",
    signed({ raw: '{"alg":"HS256","typ":"at+jwt","kid":"ours","kid":"ours"}' })),
  reject("kid_choice/none_of_two", "unknown_key",
    "without a kid only the one key of that algorithm would do (RFC 7515 section 6)", signed(),
      { keys: set(one, two) }),
  reject("kid_choice/none_of_two_public", "unknown_key",
    "without a kid only the one key of that algorithm would do (RFC 7515 section 6)", signed({ key: OURS.ES256 }),
      { keys: set(...asymmetric) }),
  reject("kid_choice/none_of_two_nameless", "unknown_key",
    "without a kid only the one key of that algorithm would do (RFC 7515 section 6)", signed({ key: OURS.ES256 }),
      { keys: set(OURS.ES256, THEIRS.ES256) }),
  reject("kid_choice/the_other", "signature", "the key is the named one, and no other is tried (RFC 7515 section 6)",
    signed({ key: one, head: { kid: "two" } }), { keys: set(one, two) }),
  reject("kid_choice/the_other_public", "signature",
    "the key is the named one, and no other is tried (RFC 7515 section 6)",
      signed({ key: asymmetric[0], head: { kid: "two" } }), { keys: set(...asymmetric) }),
  reject("kid_choice/named_but_the_key_is_not", "unknown_key", kidWhy, signed({ head: { kid: "one" } })),
  accept("honest/kid_choice/first", kidWhy, signed({ key: one }), { keys: set(one, two) }),
  accept("honest/kid_choice/second", kidWhy, signed({ key: two }), { keys: set(one, two) }),
  accept("honest/kid_choice/one_name_two_algorithms", "a key is found by name and algorithm (RFC 7517 section 4.5)",
    signed({ key: one }), { keys: set(one, named(OURS.ES256, "one")) }),
  accept("honest/kid_choice/nameless_among_algorithms",
    "without a kid the only key of that algorithm (RFC 7515 section 6)", signed(),
      { keys: set(one, OURS.RS256, OURS.ES256) }),
];

const crit = [
  ["exp", ["exp"]], ["unknown", ["unknown"], { unknown: 1 }], ["unknown_without_member", ["unknown"]], ["empty", []],
    ["null", null],
  ["b64", ["b64"]], ["b64_true", ["b64"], { b64: true }], ["b64_false", ["b64"], { b64: false }], ["alg", ["alg"]],
    ["crit", ["crit"]],
  ["empty_name", [""]], ["twice", ["exp", "exp"]], ["text", "exp"], ["object", { exp: 1 }], ["zero", 0],
    ["false", false], ["number_inside", [1]],
  ["null_inside", [null]], ["nested", [["exp"]]],
    ["uri", ["http://example.com/UNDEFINED"], { "http://example.com/UNDEFINED": true }],
      ["kid", ["kid"], { kid: "ours" }],
].map(([name, value, members]) =>
  reject(`crit/${name}`, "critical",
    "no extension is understood, so that whatever demands one is refused (RFC 7515 section 4.1.11)",
  signed({ head: { ...members, crit: value } }), members?.kid ? withKey(named(OURS.HS256, "ours")) : {}));

const b64Why = "the payload is base64url, and nothing else is understood (RFC 7797 sections 3 and 6)";
const unencoded = (payload) => {
  const text = `${b64('{"alg":"HS256","typ":"at+jwt","b64":false}')}.${payload}`;
  return `${text}.${b64(OURS.HS256.sign(text))}`;
};
const b64Rows = [
  ...[["false", false], ["null", null], ["zero", 0], ["one", 1], ["text_true", "true"], ["text_false", "false"],
    ["array", []], ["object", {}]].map(([name, value]) =>
    reject(`b64/${name}`, "unencoded", b64Why, signed({ head: { b64: value } }))),
  reject("b64/unencoded_json", "malformed", b64Why, unencoded(JSON.stringify(claims()))),
  reject("b64/unencoded_letters", "unencoded", b64Why, unencoded("AAAA")),
  reject("b64/detached", "unencoded", b64Why, unencoded("")),
  accept("honest/b64_true", "true is what every token is (RFC 7797 section 3)", signed({ head: { b64: true } })),
];

const typWhy =
  "the type is compared without regard to case and to a leading application/ (RFC 8725 section 3.11; RFC 7515 section 4.1.9; RFC 9068 section 4)";
const BAD_TYP = [
  "JWT", "jwt", "RT+JWT", "application/rt+jwt", "id+jwt", "dpop+jwt", "logout+jwt", "secevent+jwt", "JOSE", "at",
  "jwt+at", "at-jwt", "at jwt", "at+jwt ", " at+jwt", "at+jwt\u0000", "at+jwt\n", "at+jwt; charset=utf-8", "at+jwts",
  "at%2Bjwt", "ａt+jwt", "application/application/at+jwt", "application/", "application//at+jwt", "x/at+jwt",
  "text/at+jwt", "applicat\u0131on/at+jwt", "at+jwt,JWT", "*/*", "",
];
const typ = [
  ...BAD_TYP.map((text, i) => reject(`typ/${i}_${slug(text)}`, "type", typWhy, signed({ head: { typ: text } }))),
  reject("typ/missing", "type", "naming the type makes it mandatory (RFC 8725 section 3.11; RFC 9068 section 4)",
    signed({ head: { typ: undefined } })),
  ...[["null", null], ["true", true], ["number", 1], ["array", ["at+jwt"]], ["object", {}]].flatMap(([name, value]) => [
    reject(`typ_type/${name}`, "header", "typ is a string (RFC 7515 section 4.1.9)", signed({ head: { typ: value } })),
    reject(`typ_type/${name}_any`, "header", "typ is a string (RFC 7515 section 4.1.9)",
      signed({ head: { typ: value } }), { typ: null }),
  ]),
  ...["AT+JWT", "At+Jwt", "application/at+jwt", "APPLICATION/AT+JWT", "Application/At+jwt"].flatMap((text, i) => [
    accept(`honest/typ/${i}_${slug(text)}`, typWhy, signed({ head: { typ: text } })),
    accept(`honest/typ_policy/${i}_${slug(text)}`, typWhy, signed(), { typ: text }),
  ]),
  ...["jwt", "", "anything", "application/jwt", "at+jwt", "🔑"].map((text, i) =>
    accept(`honest/typ_any/${i}_${slug(text)}`, "where no type is expected, any will do (RFC 7519 section 5.1)",
      signed({ head: { typ: text } }), { typ: null })),
  accept("honest/typ/jwt", typWhy, signed({ head: { typ: "JWT" } }), { typ: "JWT" }),
  accept("honest/typ/jwt_lower", typWhy, signed({ head: { typ: "jwt" } }), { typ: "JWT" }),
];

/** Refresh tokens where access tokens are expected, and the other way around: each difference alone is enough. */
const refresh = { ...claims({ aud: `${AUDIENCE}/refresh` }), sid: b64(Buffer.alloc(16, 7)), gen: 1, prv: 1,
  sec: b64(Buffer.alloc(16, 9)), auth_time: 1_699_999_940 };
const swapWhy =
  "one kind of token never stands in for another: key, type and audience each refuse (RFC 8725 sections 3.8, 3.9, 3.11 and 3.12)";
const asRefresh = { audience: `${AUDIENCE}/refresh`, typ: "rt+jwt" };
const session = { key: THEIRS.HS256, head: { typ: "rt+jwt" }, payload: refresh };
const swapped = [
  reject("swapped/refresh_as_access", "type", swapWhy, signed(session)),
  reject("swapped/refresh_as_access/same_key", "type", swapWhy, signed({ ...session, key: OURS.HS256 })),
  reject("swapped/refresh_as_access/key_alone", "signature", swapWhy,
    signed({ ...session, head: {}, payload: claims({ sid: refresh.sid }) })),
  reject("swapped/refresh_as_access/audience_alone", "audience", swapWhy, signed({ payload: refresh })),
  reject("swapped/refresh_as_access/type_alone", "type", swapWhy, signed({ head: { typ: "rt+jwt" } })),
  reject("swapped/refresh_as_access/any_type", "signature", swapWhy, signed(session), { typ: null }),
  reject("swapped/refresh_as_access/any_type_same_key", "audience", swapWhy, signed({ ...session, key: OURS.HS256 }),
    { typ: null }),
  reject("swapped/access_as_refresh", "type", swapWhy, signed(), { ...asRefresh, keys: set(THEIRS.HS256) }),
  reject("swapped/access_as_refresh/same_key", "type", swapWhy, signed(), asRefresh),
  reject("swapped/access_as_refresh/key_alone", "signature", swapWhy,
    signed({ head: { typ: "rt+jwt" }, payload: refresh }), { ...asRefresh, keys: set(THEIRS.HS256) }),
  reject("swapped/access_as_refresh/audience_alone", "audience", swapWhy, signed({ head: { typ: "rt+jwt" } }),
    asRefresh),
  reject("swapped/access_as_refresh/type_alone", "type", swapWhy, signed({ payload: refresh }), asRefresh),
  reject("swapped/id_token", "type", swapWhy,
    signed({ head: { typ: "JWT" }, payload: claims({ aud: "client", nonce: "n" }) })),
  accept("honest/refresh_token", "a refresh token by its own policy (RFC 8725 section 3.12)", signed(session),
    { ...asRefresh, keys: set(THEIRS.HS256) }),
];

/** Several things wrong at once: the first step that fails is the one that is told. */
const bad = (text) => text.replace(/.$/, (last) => (last === "A" ? "E" : "A"));
const order = "the steps have one order (RFC 7515 section 5.2; RFC 7519 section 7.2)";
const mix = [
  ["length_before_form", "too_long", "a".repeat(8193)],
  ["form_before_header", "malformed", `${b64("[]")}.${b64("{}")}.A`],
  ["form_of_payload_before_header", "malformed", `${b64("[]")}.A.AAAA`],
  ["header_before_algorithm", "header", token('{"alg":"none","alg":"none"}', claims(), Buffer.alloc(0))],
  ["header_type_before_algorithm", "header", token('{"alg":"none","typ":1}', claims(), Buffer.alloc(0))],
  ["algorithm_before_type", "algorithm", signed({ head: { alg: "none", typ: "JWT" } })],
  ["algorithm_before_crit", "algorithm", signed({ head: { alg: "none", crit: ["exp"] } })],
  ["type_before_crit", "type", signed({ head: { typ: "JWT", crit: ["exp"] } })],
  ["type_before_b64", "type", signed({ head: { typ: "JWT", b64: false } })],
  ["crit_before_b64", "critical", signed({ head: { crit: ["b64"], b64: false } })],
  ["crit_before_key", "critical", signed({ head: { crit: ["exp"], kid: "x" } })],
  ["b64_before_key", "unencoded", signed({ head: { b64: false, kid: "x" } })],
  ["key_before_signature", "unknown_key", signed({ key: THEIRS.HS256, head: { kid: "x" } })],
  ["signature_before_payload", "signature", signed({ key: THEIRS.HS256, payload: "[]" })],
  ["signature_before_times", "signature", signed({ key: THEIRS.HS256, payload: claims({ exp: 1 }) })],
  ["payload_before_types", "claims", signed({ payload: '{"exp":"x","a":1,"a":1}' })],
  ["types_before_times", "claim_type", signed({ payload: claims({ exp: 1, jti: 1 }) })],
  ["exp_missing_before_issuer", "missing_claim", signed({ payload: claims({ exp: undefined, iss: "x" }) })],
  ["expired_before_nbf", "expired", signed({ payload: claims({ exp: 1, nbf: 1e12 }) })],
  ["nbf_before_iat", "not_yet_valid", signed({ payload: claims({ nbf: 1e12, iat: 1e12 }) })],
  ["iat_before_issuer", "issued_in_future", signed({ payload: claims({ iat: 1e12, iss: "x" }) })],
  ["issuer_before_audience", "issuer", signed({ payload: claims({ iss: "x", aud: "x" }) })],
  ["times_before_missing_issuer", "expired", signed({ payload: claims({ exp: 1, iss: undefined }) })],
  ["missing_issuer_before_audience", "missing_claim", signed({ payload: claims({ iss: undefined, aud: "x" }) })],
  ["last_letter_changed", "signature", bad(signed())],
].map(([name, reason, text]) => reject(`mix/${name}`, reason, order, text));

export default [...embedded, ...odd, twice, ...kid, ...kidRows, ...crit, ...b64Rows, ...typ, ...swapped, ...mix];
