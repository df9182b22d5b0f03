// Texts that are not one proper JSON object, as header and as payload: members twice, other values, broken text, nesting.
import { NOW, accept, claims, header, reject, signed, withText } from "../case.mjs";

const head = JSON.stringify(header("HS256"));
const payload = JSON.stringify(claims());
/** The text with more members at its end. */
const and = (text, members) => `${text.slice(0, -1)},${members}}`;
const bytes = (...parts) =>
  Buffer.concat(parts.map((part) => (typeof part === "number" ? Buffer.of(part) : Buffer.from(part))));

const unique =
  "member names are unique, or the text is refused (RFC 7515 section 4, RFC 7519 section 4; RFC 7515 section 10.12)";
const DUPLICATE_HEADER = [
  ["alg_same", and(head, '"alg":"HS256"')],
  ["alg_none_last", and(head, '"alg":"none"')],
  ["alg_none_first", head.replace("{", '{"alg":"none",')],
  ["alg_escaped", and(head, '"\\u0061lg":"none"')],
  ["alg_escaped_same", and(head, '"\\u0061\\u006c\\u0067":"HS256"')],
  ["typ", and(head, '"typ":"at+jwt"')],
  ["typ_escaped", and(head, '"ty\\u0070":"JWT"')],
  ["kid", and(head, '"kid":"a","kid":"b"')],
  ["crit", and(head, '"crit":["exp"],"crit":[]')],
  ["b64", and(head, '"b64":true,"b64":false')],
  ["unknown", and(head, '"x":1,"x":1')],
  ["empty_name", and(head, '"":1,"":2')],
  ["inside_jwk", and(head, '"jwk":{"k":1,"k":2}')],
  ["inside_array", and(head, '"x":[{"a":1,"a":2}]')],
  ["far_apart", and(and(head, Array.from({ length: 40 }, (_, i) => `"m${i}":0`).join()), '"m0":0')],
];
const DUPLICATE_PAYLOAD = [
  ["exp_same", and(payload, `"exp":${NOW + 600}`)],
  ["exp_later", and(payload, `"exp":${NOW + 9999}`)],
  ["exp_earlier_first", payload.replace("{", '{"exp":1,')],
  ["exp_escaped", and(payload, `"\\u0065xp":${NOW + 9999}`)],
  ["sub", and(payload, '"sub":"root"')],
  ["sub_escaped", and(payload, '"\\u0073\\u0075\\u0062":"root"')],
  ["iss", and(payload, '"iss":"https://evil.example"')],
  ["aud", and(payload, '"aud":"https://other.example"')],
  ["nbf", and(payload, '"nbf":1,"nbf":2')],
  ["iat", and(payload, '"iat":1')],
  ["jti", and(payload, '"jti":"a","jti":"a"')],
  ["scope", and(payload, '"scope":"read","scope":"admin"')],
  ["sid", and(payload, '"sid":"a","sid":"b"')],
  ["own", and(payload, '"role":"user","role":"admin"')],
  ["own_null", and(payload, '"role":null,"role":"admin"')],
  ["own_thrice", and(payload, '"a":1,"a":1,"a":1')],
  ["empty_name", and(payload, '"":1,"":1')],
  ["emoji_escaped", and(payload, '"🔑":1,"\\ud83d\\udd11":2')],
  ["slash_escaped", and(payload, '"a/b":1,"a\\/b":2')],
  ["inside", and(payload, '"x":{"a":1,"a":2}')],
  ["inside_escaped", and(payload, '"x":{"a":1,"\\u0061":2}')],
  ["deep_inside", and(payload, '"x":[[[{"y":{"a":1,"a":2}}]]]')],
  ["far_apart", and(and(payload, Array.from({ length: 200 }, (_, i) => `"m${i}":0`).join()), '"m100":0')],
];
const duplicates = [
  ...DUPLICATE_HEADER.map(([name, raw]) => reject(`duplicate_header/${name}`, "header", unique, signed({ raw }))),
  ...DUPLICATE_PAYLOAD
    .map(([name, text]) => reject(`duplicate_payload/${name}`, "claims", unique, signed({ payload: text }))),
  ...[
    ["other_case", '"Exp":1,"EXP":2,"SUB":"root"'],
    ["other_normal_form", '"é":1,"e\\u0301":2'],
    ["other_objects", '"a":{"x":1},"b":{"x":2},"c":[{"x":1},{"x":2}]'],
    ["same_values", '"a":1,"b":1'],
    ["space_in_name", '"sub ":"root"," exp":1'],
  ].map(([name, members]) =>
    accept(`honest/not_duplicate/${name}`, "names are compared character by character (RFC 8259 section 8.3)",
      signed({ payload: and(payload, members) }))),
];

/** What is no object, or no JSON: from the proper text, for header and payload alike. */
const BROKEN = [
  ["empty", () => ""],
  ["blank", () => "  "],
  ["null", () => "null"],
  ["true", () => "true"],
  ["number", () => "1"],
  ["string", () => '"HS256"'],
  ["string_of_the_object", (text) => JSON.stringify(text)],
  ["empty_array", () => "[]"],
  ["array_of_the_object", (text) => `[${text}]`],
  ["array_of_the_values", (text) => JSON.stringify(Object.values(JSON.parse(text)))],
  ["array_of_the_entries", (text) => JSON.stringify(Object.entries(JSON.parse(text)))],
  ["two_objects", (text) => text + text],
  ["two_objects_apart", (text) => `${text} {}`],
  ["array_behind", (text) => `${text}[]`],
  ["letter_behind", (text) => `${text}x`],
  ["brace_behind", (text) => `${text}}`],
  ["comma_behind", (text) => `${text},`],
  ["zero_behind", (text) => `${text}\u0000`],
  ["zero_before", (text) => `\u0000${text}`],
  ["byte_order_mark", (text) => `\ufeff${text}`],
  ["byte_order_mark_behind", (text) => `${text}\ufeff`],
  ["no_break_space", (text) => `\u00a0${text}`],
  ["form_feed", (text) => `\f${text}`],
  ["vertical_tab", (text) => `${text}\v`],
  ["utf_16", (text) => Buffer.from(text, "utf16le")],
  ["utf_16_marked", (text) => Buffer.from(`\ufeff${text}`, "utf16le")],
  ["utf_32", (text) => Buffer.concat([...text].map((one) => bytes(one, 0, 0, 0)))],
  ["base64_again", (text) => Buffer.from(text).toString("base64url")],
  ["unclosed", (text) => text.slice(0, -1)],
  ["unopened", (text) => text.slice(1)],
  ["half", (text) => text.slice(0, text.length / 2)],
  ["comma_at_the_end", (text) => text.replace(/}$/, ",}")],
  ["comma_at_the_start", (text) => text.replace("{", "{,")],
  ["comma_twice", (text) => text.replace(",", ",,")],
  ["no_comma", (text) => text.replace(",", " ")],
  ["no_colon", (text) => text.replace(":", " ")],
  ["equals_sign", (text) => text.replace(":", "=")],
  ["names_without_quotes", (text) => text.replace(/"([a-z]+)":/g, "$1:")],
  ["single_quotes", (text) => text.replaceAll('"', "'")],
  ["line_comment", (text) => `${text}//x`],
  ["block_comment", (text) => text.replace("{", "{/**/")],
  ["hash_comment", (text) => `#x\n${text}`],
  ["name_is_number", (text) => and(text, "1:1")],
  ["name_is_null", (text) => and(text, "null:1")],
  ["value_missing", (text) => and(text, '"x":')],
  ["value_undefined", (text) => and(text, '"x":undefined')],
  ["nan", (text) => and(text, '"x":NaN')],
  ["infinity", (text) => and(text, '"x":Infinity')],
  ["minus_infinity", (text) => and(text, '"x":-Infinity')],
  ["true_capital", (text) => and(text, '"x":True')],
  ["hexadecimal", (text) => and(text, '"x":0x10')],
  ["octal", (text) => and(text, '"x":010')],
  ["plus_sign", (text) => and(text, '"x":+1')],
  ["point_first", (text) => and(text, '"x":.5')],
  ["point_last", (text) => and(text, '"x":5.')],
  ["minus_alone", (text) => and(text, '"x":-')],
  ["exponent_empty", (text) => and(text, '"x":1e')],
  ["underscore", (text) => and(text, '"x":1_000')],
  ["beyond_range", (text) => and(text, '"x":1e400')],
  ["control_in_string", (text) => and(text, '"x":"a\u0001b"')],
  ["newline_in_string", (text) => and(text, '"x":"a\nb"')],
  ["zero_in_name", (text) => and(text, '"x\u0000":1')],
  ["escape_unknown", (text) => and(text, '"x":"\\x41"')],
  ["escape_short", (text) => and(text, '"x":"\\u41"')],
  ["escape_of_quote", (text) => and(text, '"x":"\\\'"')],
  ["high_surrogate", (text) => and(text, '"x":"\\ud800"')],
  ["low_surrogate", (text) => and(text, '"x":"\\udc00"')],
  ["surrogates_reversed", (text) => and(text, '"x":"\\udd11\\ud83d"')],
  ["surrogate_in_name", (text) => and(text, '"\\ud800":1')],
  ["surrogate_and_letter", (text) => and(text, '"x":"\\ud83dA"')],
  ["surrogate_inside", (text) => and(text, '"x":{"y":["\\udfff"]}')],
  ["surrogate_in_utf_8", (text) => bytes(text.slice(0, -1), ',"x":"', 0xed, 0xa0, 0x80, '"}')],
  ["byte_ff", (text) => bytes(text.slice(0, -1), ',"x":"', 0xff, '"}')],
  ["byte_80", (text) => bytes(text.slice(0, -1), ',"x":"', 0x80, '"}')],
  ["byte_80_in_name", (text) => bytes(text.slice(0, -1), ',"x', 0x80, '":1}')],
  ["latin_1", (text) => bytes(text.slice(0, -1), ',"x":"caf', 0xe9, '"}')],
  ["overlong_slash", (text) => bytes(text.slice(0, -1), ',"x":"', 0xc0, 0xaf, '"}')],
  ["overlong_zero", (text) => bytes(text.slice(0, -1), ',"x":"', 0xc0, 0x80, '"}')],
  ["beyond_unicode", (text) => bytes(text.slice(0, -1), ',"x":"', 0xf4, 0x90, 0x80, 0x80, '"}')],
  ["cut_utf_8", (text) => bytes(text.slice(0, -1), ',"x":"', 0xe2, 0x82, '"}')],
  ["byte_ff_behind", (text) => bytes(text, 0xff)],
];
const proper =
  "header and payload are each one JSON object in UTF-8 (RFC 7515 sections 4 and 5.2, RFC 7519 section 7.2; RFC 8259; RFC 8725 section 3.7)";
const broken = BROKEN.flatMap(([name, make]) => [
  reject(`non_object_header/${name}`, "header", proper, signed({ raw: make(head) })),
  reject(`non_object_payload/${name}`, "claims", proper, signed({ payload: make(payload) })),
]);

const nest = (depth, open, close, inner = "1") => open.repeat(depth) + inner + close.repeat(depth);
const depthWhy = "a parser may limit the depth of nesting, and this one does (RFC 8259 section 9)";
const NESTED = [
  ["arrays_200", nest(200, "[", "]")],
  ["arrays_2500", nest(2500, "[", "]")],
  ["objects_200", nest(200, '{"a":', "}")],
  ["objects_800", nest(800, '{"a":', "}")],
  ["both_300", nest(150, '[{"a":', "}]")],
  ["unclosed_5000", "[".repeat(5000)],
  ["unclosed_objects_900", '{"a":'.repeat(900)],
];
const nesting = NESTED.flatMap(([name, text]) => [
  reject(`nesting_header/${name}`, "header", depthWhy, signed({ raw: and(head, `"x":${text}`) })),
  reject(`nesting_payload/${name}`, "claims", depthWhy, signed({ payload: and(payload, `"x":${text}`) })),
]);
const shallow = [["arrays", nest(60, "[", "]")], ["objects", nest(60, '{"a":', "}")],
  ["both", nest(30, '[{"a":', "}]")], ["wide", `[${Array(1500).fill(0).join()}]`]].flatMap(([name, text]) => [
  accept(`honest/nesting_header/${name}`, depthWhy, signed({ raw: and(head, `"x":${text}`) })),
  accept(`honest/nesting_payload/${name}`, depthWhy, signed({ payload: and(payload, `"x":${text}`) })),
]);

const escaped = (text) => [...text].map((one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, "0")}`).join("");
/** Proper texts that look odd. */
const odd = [
  ["spaces", (text) => ` ${text.replaceAll(":", " : ").replaceAll(",", " , ")} `,
    "white space between tokens (RFC 8259 section 2; RFC 7515 section 3.3)"],
  ["lines", (text) => `\r\n\t${JSON.stringify(JSON.parse(text), null, 2)}\r\n`,
    "white space between tokens (RFC 8259 section 2; RFC 7515 section 3.3)"],
  ["all_escaped", (text) => text.replace(/"([^"]*)"/g, (_, inner) => `"${escaped(inner)}"`),
    "an escaped character is that character (RFC 8259 sections 7 and 8.3)"],
  ["reversed", (text) => JSON.stringify(Object.fromEntries(Object.entries(JSON.parse(text)).reverse())),
    "an object has no order (RFC 8259 section 4)"],
].flatMap(([name, make, why]) => {
  // The colon of a URL is no token.
  const plain = (text) => (name === "spaces" ? make(text).replaceAll("https : //", "https://") : make(text));
  return [
    accept(`honest/json_header/${name}`, why, signed({ raw: plain(head) })),
    accept(`honest/json_payload/${name}`, why, signed({ payload: plain(payload) })),
  ];
});
const values = [
  ["unicode", '"名前":"Zoë 漢字 🔑 \\u202e \\u0000 \u007f"'],
  ["numbers", '"a":-0,"b":1e-400,"c":1E+10,"d":123456789012345678901234567890,"e":0.1,"f":-1.5e-7'],
  ["literals", '"a":null,"b":true,"c":false,"d":[],"e":{},"f":""'],
  ["paired_surrogates", '"a":"\\ud83d\\udd11","b":"\\uFFFF","c":"\ufffd"'],
  ["prototype_names", '"__proto__":{"sub":"root"},"constructor":1,"toString":2'],
  ["nested_registered_names", '"x":{"exp":1,"iss":"evil","sub":[1],"aud":null}'],
].map(([name, members]) =>
  accept(`honest/values/${name}`, "other members are the application's (RFC 7519 sections 4.2 and 4.3; RFC 8259)",
    signed({ payload: and(payload, members) })));
const many = accept("honest/values/many_members", "other members are the application's (RFC 7519 section 4.3)",
  signed({ payload: withText("own", `{${Array.from({ length: 300 }, (_, i) => `"m${i}":${i}`).join()}}`) }));

export default [...duplicates, ...broken, ...nesting, ...shallow, ...odd, ...values, many];
