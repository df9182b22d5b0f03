// Registered claims: their JSON types, numbers at the edge, times at the edge, what is missing, and who it is for.
import { AUDIENCE, ISSUER, NOW, accept, claims, reject, signed, withText } from "../case.mjs";

const of = (name, text) => signed({ payload: withText(name, text) });

const COMMON = [["null", "null"], ["true", "true"], ["false", "false"], ["object", "{}"], ["empty_array", "[]"]];
const NOT_TEXT = [
  ...COMMON, ["zero", "0"], ["number", "42"], ["float", "1.5"], ["array", '["x"]'], ["object_with_text", '{"x":"y"}'],
];
const NOT_TIME = [
  ...COMMON, ["text", '"x"'], ["empty_text", '""'], ["number_as_text", `"${NOW}"`], ["float_as_text", `"${NOW}.5"`],
  ["date", '"2030-01-01T00:00:00Z"'], ["array", `[${NOW}]`], ["object_with_number", `{"x":${NOW}}`],
  ["nan_as_text", '"NaN"'],
];
const NOT_AUDIENCE = [
  ["null", "null"], ["true", "true"], ["false", "false"], ["number", "42"], ["object", "{}"],
  ["object_with_ours", `{"${AUDIENCE}":true}`], ["array_of_null", "[null]"], ["array_of_numbers", "[42]"],
  ["ours_and_number", `["${AUDIENCE}",42]`], ["null_and_ours", `[null,"${AUDIENCE}"]`],
  ["array_in_array", `[["${AUDIENCE}"]]`], ["ours_and_array", `["${AUDIENCE}",[]]`],
  ["ours_and_object", `["${AUDIENCE}",{}]`],
];

const type = (name, section, rows) => rows.flatMap(([kind, text]) =>
  reject(`claim_type/${name}/${kind}`, "claim_type", `${name} has one JSON type (RFC 7519 section ${section})`,
    of(name, text)));
const types = [
  ...type("iss", "4.1.1", NOT_TEXT),
  ...type("sub", "4.1.2", NOT_TEXT),
  ...type("aud", "4.1.3", NOT_AUDIENCE),
  ...type("exp", "4.1.4", NOT_TIME),
  ...type("nbf", "4.1.5", NOT_TIME),
  ...type("iat", "4.1.6", NOT_TIME),
  ...type("jti", "4.1.7", NOT_TEXT),
];
const unchecked = { issuer: null, audience: null };
const alsoUnchecked = [["iss", "42"], ["iss", "null"], ["iss", `["${ISSUER}"]`], ["aud", "42"], ["aud", "null"],
  ["aud", "[1]"]].map(([name, text], i) =>
  reject(`claim_type_unchecked/${name}_${i}`, "claim_type",
    "a claim keeps its type where nobody compares it (RFC 7519 section 4.1)",
      signed({ payload: withText(name, text) }), unchecked));
const issuerArray = reject("claim_type/iss/array_with_ours", "claim_type",
  "iss is one string (RFC 7519 section 4.1.1)", of("iss", `["${ISSUER}"]`));

/** Texts of numbers, and what they are as times: a NumericDate is any JSON number (RFC 7519 section 2). */
const far = "a NumericDate is a finite number, however far (RFC 7519 section 2)";
const range = "a number beyond the range of a double is none (RFC 8259 section 6; RFC 7519 section 2)";
const grammar = "that is no JSON number (RFC 8259 section 6)";
const past = "exp is in the past (RFC 7519 section 4.1.4)";
const NUMBERS = [
  ["exp", "zero", "0", "expired", past],
  ["exp", "minus_zero", "-0", "expired", past],
  ["exp", "minus_zero_float", "-0.0", "expired", past],
  ["exp", "minus_one", "-1", "expired", past],
  ["exp", "smallest_integer", "-9223372036854775808", "expired", past],
  ["exp", "below_integers", "-9223372036854775809", "expired", past],
  ["exp", "below_unsigned", "-99999999999999999999", "expired", past],
  ["exp", "smallest_double", "-1.7976931348623157e308", "expired", past],
  ["exp", "tiny", "5e-324", "expired", past],
  ["exp", "underflow", "1e-400", "expired", past],
  ["exp", "seconds_with_wrong_point", "1700000.600", "expired", past],
  ["exp", "wrapped_32_bits", "2147483648", null, far],
  ["exp", "milliseconds", "1700000600000", null, far],
  ["exp", "largest_safe", "9007199254740991", null, far],
  ["exp", "beyond_safe", "9007199254740993", null, far],
  ["exp", "largest_integer", "9223372036854775807", null, far],
  ["exp", "beyond_integers", "9223372036854775808", null, far],
  ["exp", "largest_unsigned", "18446744073709551615", null, far],
  ["exp", "beyond_unsigned", "18446744073709551616", null, far],
  ["exp", "hundred_digits", "9".repeat(100), null, far],
  ["exp", "1e300", "1e300", null, far],
  ["exp", "largest_double", "1.7976931348623157e308", null, far],
  ["exp", "beyond_double", "1e309", "claims", range],
  ["exp", "1e400", "1e400", "claims", range],
  ["exp", "minus_1e400", "-1e400", "claims", range],
  ["exp", "1e999999999", "1e999999999", "claims", range],
  ["exp", "four_hundred_digits", "9".repeat(400), "claims", range],
  ["exp", "nan", "NaN", "claims", grammar],
  ["exp", "infinity", "Infinity", "claims", grammar],
  ["exp", "minus_infinity", "-Infinity", "claims", grammar],
  ["exp", "inf", "inf", "claims", grammar],
  ["exp", "plus", "+1700000600", "claims", grammar],
  ["exp", "leading_zero", "01700000600", "claims", grammar],
  ["exp", "hexadecimal", "0x65540000", "claims", grammar],
  ["exp", "separators", "1_700_000_600", "claims", grammar],
  ["exp", "comma", "1700000600,5", "claims", grammar],
  ["exp", "point_last", "1700000600.", "claims", grammar],
  ["exp", "suffix", "1700000600n", "claims", grammar],
  ["exp", "float", "1700000600.0", null, far],
  ["exp", "fraction", "1700000600.123456", null, far],
  ["exp", "exponent", "17000006e2", null, far],
  ["exp", "exponent_capital", "1.7000006E+9", null, far],
  ["exp", "exponent_negative", "17000006000e-1", null, far],
  ["nbf", "zero", "0", null, far],
  ["nbf", "minus_zero", "-0", null, far],
  ["nbf", "minus_one", "-1", null, far],
  ["nbf", "below_integers", "-9223372036854775809", null, far],
  ["nbf", "smallest_double", "-1.7976931348623157e308", null, far],
  ["nbf", "milliseconds", "1700000000000", "not_yet_valid", "nbf is still to come (RFC 7519 section 4.1.5)"],
  ["nbf", "largest_integer", "9223372036854775807", "not_yet_valid", "nbf is still to come (RFC 7519 section 4.1.5)"],
  ["nbf", "largest_unsigned", "18446744073709551615", "not_yet_valid", "nbf is still to come (RFC 7519 section 4.1.5)"],
  ["nbf", "1e300", "1e300", "not_yet_valid", "nbf is still to come (RFC 7519 section 4.1.5)"],
  ["nbf", "1e400", "1e400", "claims", range],
  ["nbf", "minus_1e400", "-1e400", "claims", range],
  ["nbf", "nan", "NaN", "claims", grammar],
  ["iat", "zero", "0", null, far],
  ["iat", "minus_one", "-1", null, far],
  ["iat", "fraction", "1699999999.999", null, far],
  ["iat", "milliseconds", "1700000000000", "issued_in_future",
    "iat is in the future (RFC 7519 section 4.1.6; DESIGN.md, the verification)"],
  ["iat", "largest_unsigned", "18446744073709551615", "issued_in_future",
    "iat is in the future (RFC 7519 section 4.1.6; DESIGN.md, the verification)"],
  ["iat", "1e300", "1e300", "issued_in_future",
    "iat is in the future (RFC 7519 section 4.1.6; DESIGN.md, the verification)"],
  ["iat", "1e400", "1e400", "claims", range],
  ["iat", "nan", "NaN", "claims", grammar],
];
const numbers = NUMBERS.map(([name, kind, text, reason, why]) =>
  reason
    ? reject(`number/${name}/${kind}`, reason, why, of(name, text))
    : accept(`honest/number/${name}/${kind}`, why, of(name, text)));

/** At the edge: the offset from now, the leeway, and what follows. */
const EXP = "refused on or after exp (RFC 7519 section 4.1.4), and a little later where a leeway is given";
const NBF = "refused before nbf (RFC 7519 section 4.1.5), and a little earlier where a leeway is given";
const IAT = "at most 60 seconds ahead, whatever the leeway (DESIGN.md, the verification; RFC 7519 section 4.1.6)";
const EDGES = [
  ["exp", "expired", EXP,
    [[-600, 0, 0], [-1, 0, 0], [0, 0, 0], [1, 0, 1], [-0.001, 0, 0], [0.001, 0, 1], [0.5, 0, 1], [-0.5, 0, 0]]],
  ["exp", "expired", EXP,
    [[-4, 5, 1], [-5, 5, 0], [-4.999, 5, 1], [-5.001, 5, 0], [-59, 60, 1], [-60, 60, 0], [-61, 60, 0],
      [-59.999, 60, 1], [0, 1, 1], [-1, 1, 0]]],
  ["exp", "expired", EXP, [[-89, 90, 1], [-90, 90, 0], [-3599, 3600, 1], [-3600, 3600, 0]]],
  ["nbf", "not_yet_valid", NBF,
    [[-600, 0, 1], [-1, 0, 1], [0, 0, 1], [1, 0, 0], [600, 0, 0], [0.001, 0, 0], [-0.001, 0, 1], [0.5, 0, 0]]],
  ["nbf", "not_yet_valid", NBF,
    [[5, 5, 1], [6, 5, 0], [5.001, 5, 0], [60, 60, 1], [61, 60, 0], [60.001, 60, 0], [4.5, 5, 1]]],
  ["nbf", "not_yet_valid", NBF, [[90, 90, 1], [91, 90, 0]]],
  ["iat", "issued_in_future", IAT,
    [[-86400, 0, 1], [0, 0, 1], [1, 0, 1], [59, 0, 1], [60, 0, 1], [61, 0, 0], [60.001, 0, 0], [59.999, 0, 1],
      [600, 0, 0]]],
  ["iat", "issued_in_future", IAT, [[60, 60, 1], [61, 60, 0], [61, 90, 0], [120, 60, 0], [60, 5, 1]]],
];
const edges = EDGES.flatMap(([name, reason, why, rows]) => rows.map(([offset, leeway, good]) => {
  const id = `${name}/${offset < 0 ? "minus" : "plus"}_${String(Math.abs(offset)).replace(".", "_")}_leeway_${leeway}`;
  const text = of(name, String(Math.round((NOW + offset) * 1000) / 1000));
  return good
    ? accept(`honest/time/${id}`, why, text, { leeway })
    : reject(`time/${id}`, reason, why, text, { leeway });
}));
const finer = [
  reject("time/nbf/less_than_a_millisecond_ahead", "not_yet_valid",
    "not before nbf, however little is missing (RFC 7519 section 4.1.5)", of("nbf", `${NOW}.0004`)),
  reject("time/exp/at_epoch", "expired", "now 0 is a moment like any other (RFC 7519 section 4.1.4)",
    signed({ payload: claims({ exp: 0, iat: 0 }) }), { now: 0 }),
  accept("honest/time/exp/behind_epoch", "now 0 is a moment like any other (RFC 7519 section 4.1.4)",
    signed({ payload: claims({ exp: 1, iat: 0 }) }), { now: 0 }),
  reject("time/exp_before_nbf", "expired", "a life that never is (RFC 7519 section 4.1.4)",
    signed({ payload: claims({ exp: NOW - 10, nbf: NOW + 10 }) })),
  accept("honest/time/one_second", "nbf now, exp in one second (RFC 7519 sections 4.1.4 and 4.1.5)",
    signed({ payload: claims({ iat: NOW, nbf: NOW, exp: NOW + 1 }) })),
  reject("time/no_moment", "expired", "nbf and exp are one moment: there is none between (RFC 7519 section 4.1.4)",
    signed({ payload: claims({ iat: NOW, nbf: NOW, exp: NOW }) })),
];

const naming =
  "naming an expectation makes it mandatory (RFC 7519 section 4.1; RFC 8725 sections 3.8 and 3.9; RFC 9068 section 4)";
const without = (name) => signed({ payload: claims({ [name]: undefined }) });
const missing = [
  reject("missing/exp", "missing_claim", "exp is required here (RFC 9068 section 2.2; DESIGN.md, the verification)",
    without("exp")),
  reject("missing/exp_with_nbf", "missing_claim", "exp is required here (RFC 9068 section 2.2)",
    signed({ payload: claims({ exp: undefined, nbf: NOW }) })),
  reject("missing/iss", "missing_claim", naming, without("iss")),
  reject("missing/aud", "missing_claim", naming, without("aud")),
  reject("missing/iss_and_aud", "missing_claim", naming,
    signed({ payload: claims({ iss: undefined, aud: undefined }) })),
  reject("missing/everything", "missing_claim", naming, signed({ payload: "{}" })),
  reject("missing/everything_unchecked", "missing_claim", "exp is required here (RFC 9068 section 2.2)",
    signed({ payload: "{}" }), unchecked),
  reject("missing/exp_in_capitals", "missing_claim", "names are case-sensitive (RFC 7519 section 10.1.1)",
    signed({ payload: { ...claims({ exp: undefined }), EXP: NOW + 600 } })),
  reject("missing/exp_nested", "missing_claim", "a claim is a member of the top (RFC 7519 section 4)",
    signed({ payload: { ...claims({ exp: undefined }), claims: { exp: NOW + 600 } } })),
  reject("missing/claims_nested", "missing_claim", "a claim is a member of the top (RFC 7519 section 4)",
    signed({ payload: { claims: claims() } })),
  // A layer wants one: it is required of access tokens (RFC 9068 section 2.2). A policy that does not name it does not.
  accept("honest/missing/sub", "sub is optional where no policy names it (RFC 7519 section 4.1.2)", without("sub")),
  accept("honest/missing/iat", "iat is optional (RFC 7519 section 4.1.6)", without("iat")),
  accept("honest/unchecked/without_iss", "what the policy does not name is not compared (RFC 7519 section 4.1.1)",
    without("iss"), { issuer: null }),
  accept("honest/unchecked/without_aud", "what the policy does not name is not compared (RFC 7519 section 4.1.3)",
    without("aud"), { audience: null }),
  accept("honest/unchecked/other", "what the policy does not name is not compared (RFC 7519 section 4.1)",
    signed({ payload: claims({ iss: "x", aud: ["y"] }) }), unchecked),
];

const ISSUERS = [
  "", "https://id.example/", "https://ID.example", "HTTPS://id.example", "http://id.example",
  "https://id.example.evil.example", "https://id.exampl", "https://id.example ", " https://id.example",
  "https://id.example\u0000", "https://id.example:443", "https://id.example/../", "https://\u0131d.example", "*", "null",
];
const issuers = ISSUERS
  .map((iss, i) => reject(`issuer/${i}`, "issuer",
    "compared character by character (RFC 7519 section 4.1.1; RFC 8725 section 3.8)",
      signed({ payload: claims({ iss }) })));
const AUDIENCES = [
  "", "https://api.example/", "https://API.example", "https://other.example",
  "https://api.example https://other.example", "https://api.example,https://other.example",
  "https://api.example\u0000", "*", "[\"https://api.example\"]", ["https://other.example"], ["", "*"],
  ["https://api.example/", "HTTPS://api.example"], [], [..."https://api.example"],
];
const audiences = AUDIENCES
  .map((aud, i) => reject(`audience/${i}`, "audience",
    "the recipient must be named, character by character (RFC 7519 section 4.1.3; RFC 8725 section 3.9)",
      signed({ payload: claims({ aud }) })));
const several = { audience: ["https://a.example", AUDIENCE] };
const mine = [
  ["array_of_one", [AUDIENCE]], ["first", [AUDIENCE, "x"]], ["last", ["x", "y", AUDIENCE]],
  ["twice", [AUDIENCE, AUDIENCE]], ["among_many", [...Array(100).keys()].map(String).concat(AUDIENCE)],
].flatMap(([name, aud]) => [
  accept(`honest/audience/${name}`, "a string, or an array that has it (RFC 7519 section 4.1.3)",
    signed({ payload: claims({ aud }) })),
  accept(`honest/audience_of_several/${name}`, "one of the recipient's names is enough (RFC 7519 section 4.1.3)",
    signed({ payload: claims({ aud }) }), several),
]);
const audienceRows = [
  reject("audience/none_of_several", "audience", "one of the recipient's names must be there (RFC 7519 section 4.1.3)",
    signed({ payload: claims({ aud: ["x", "https://b.example"] }) }), several),
  reject("audience/none_wanted", "audience",
    "a recipient without a name is nobody's audience (RFC 7519 section 4.1.3)", signed(), { audience: [] }),
  accept("honest/audience/empty_array_unchecked", "an array of no strings is one (RFC 7519 section 4.1.3)",
    signed({ payload: claims({ aud: [] }) }), { audience: null }),
  accept("honest/issuer/unicode", "an issuer is any string (RFC 7519 section 4.1.1)",
    signed({ payload: claims({ iss: "https://idé.example/🔑" }) }), { issuer: "https://idé.example/🔑" }),
];

const OWN = [
  ["sid", "42"], ["sid", "null"], ["sid", '"too short"'], ["gen", '"1"'], ["gen", "-1"], ["gen", "1.5"],
    ["gen", "1e300"], ["auth_time", '"x"'], ["auth_time", "null"], ["scope", '["admin"]'], ["scope", "1"],
      ["scope", '""'], ["scope", '"read  write"'], ["cnf", "{}"], ["azp", "1"], ["client_id", "null"],
        ["roles", '["admin"]'],
].map(([name, text], i) =>
  accept(`honest/own_type/${name}_${i}`,
    "RFC 7519 gives this claim no type: of another one than is read here, it counts as absent (RFC 7519 section 4.2)",
      of(name, text)));
const subjects = ["", "0", "A".repeat(1000), "\u0000", "Zoë 漢字 🔑", "alice@example.com", "' OR 1=1", "../..",
  "auth0|5f7c8ec7c33c6c004bbafe82"].map((sub, i) =>
  accept(`honest/subject/${i}`, "a subject is any string (RFC 7519 section 4.1.2)",
    signed({ payload: claims({ sub }) })));

export default [...types, issuerArray, ...alsoUnchecked, ...numbers, ...edges, ...finer, ...missing, ...issuers,
  ...audiences, ...mine, ...audienceRows, ...OWN, ...subjects];
