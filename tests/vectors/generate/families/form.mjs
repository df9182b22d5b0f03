// The text of the token itself: base64url, segments, blanks, lengths, and serializations that are not the compact one.
import { accept, claims, header, reject, signed, token } from "../case.mjs";
import { OURS, b64, set } from "../keys.mjs";

const good = signed();
const [h, p, s] = good.split(".");
const bytes = (segment) => Buffer.from(segment, "base64url");
/** Signed as it stands: what is wrong is the text, not the signature. */
const resigned = (text) => `${text}.${b64(OURS.HS256.sign(text))}`;

/** Claims whose payload has a length of 1, 2 or 0 bytes beyond a multiple of three, so that each padding occurs. */
const padded = [0, 1, 2].map((rest) => {
  for (let n = 0; ; n += 1) {
    const text = JSON.stringify(claims({ jti: "x".repeat(n) }));
    if (Buffer.byteLength(text) % 3 === rest) return text;
  }
});
const head = (extra) => JSON.stringify(header("HS256", extra));
const heads = [0, 1, 2].map((rest) => {
  for (let n = 0; ; n += 1) if (head({ x: "x".repeat(n) }).length % 3 === rest) return head({ x: "x".repeat(n) });
});
const unpaddedWhy = "base64url without padding (RFC 7515 section 2)";
const pad = (segment) => segment + "=".repeat((4 - (segment.length % 4)) % 4);
const padding = [
  ...[1, 2].flatMap((rest) => [
    reject(`padding/payload_${rest}`, "malformed", unpaddedWhy, resigned(`${h}.${pad(b64(padded[rest]))}`)),
    reject(`padding/header_${rest}`, "malformed", unpaddedWhy, resigned(`${pad(b64(heads[rest]))}.${p}`)),
    reject(`padding/payload_${rest}_in_percent`, "malformed", unpaddedWhy,
      resigned(`${h}.${pad(b64(padded[rest])).replaceAll("=", "%3D")}`)),
  ]),
  reject("padding/signature", "malformed", unpaddedWhy, `${h}.${p}.${pad(s)}`),
  reject("padding/all", "malformed", unpaddedWhy, [h, p, s].map(pad).join(".") + (pad(s) === s ? "=" : "")),
  reject("padding/one_too_many", "malformed", unpaddedWhy, `${h}.${p}.${s}==`),
  reject("padding/four", "malformed", unpaddedWhy, `${good}====`),
  reject("padding/header_alone", "malformed", unpaddedWhy, resigned(`${b64(heads[0])}=.${p}`)),
  reject("padding/in_the_middle", "malformed", unpaddedWhy, resigned(`${h.slice(0, 4)}=${h.slice(4)}.${p}`)),
  reject("padding/first", "malformed", unpaddedWhy, `=${good}`),
  ...padded.map((text, rest) => accept(`honest/length/payload_${rest}`, unpaddedWhy, signed({ payload: text }))),
  ...heads.map((raw, rest) => accept(`honest/length/header_${rest}`, unpaddedWhy, signed({ raw }))),
];

/** A payload and a signature in which both of the letters occur that the two alphabets have apart. */
const lettered = claims({ jti: "🔑🔑🔑", own: "ÿ?>~ÿÿ??>>~~" });
function signedWith(letter) {
  for (let i = 0; ; i += 1) {
    const text = signed({ payload: { ...lettered, i } });
    if (text.split(".")[2].includes(letter)) return text;
  }
}
const [minus, underscore] = ["-", "_"].map(signedWith);
const standard = (text) => text.replaceAll("-", "+").replaceAll("_", "/");
const part = (text, i, make) => text.split(".").map((segment, j) => (i === j ? make(segment) : segment)).join(".");
const alphabetWhy = "the alphabet is the one that is safe in URLs (RFC 7515 section 2; RFC 4648 section 5)";
const alphabet = [
  reject("alphabet/signature_plus", "malformed", alphabetWhy, part(minus, 2, standard)),
  reject("alphabet/signature_slash", "malformed", alphabetWhy, part(underscore, 2, standard)),
  reject("alphabet/payload", "malformed", alphabetWhy, resigned(`${h}.${standard(b64(JSON.stringify(lettered)))}`)),
  reject("alphabet/header", "malformed", alphabetWhy, resigned(`${standard(b64(head({ x: "ÿ?>~ÿÿ??>>~~" })))}.${p}`)),
  reject("alphabet/all", "malformed", alphabetWhy, standard(minus)),
  reject("alphabet/standard_with_padding", "malformed", alphabetWhy,
    minus.split(".").map((one) => bytes(one).toString("base64")).join(".")),
  ...["!", "*", "~", "%2D", ",", ":", ";", "@", "\\", "\"", "<", "é", "—", "－", "\u0000", "\u007f", "\u200b", "\ufeff",
    "🔑"].flatMap((letter, i) => [
    reject(`alphabet/foreign_${i}_in_payload`, "malformed", alphabetWhy,
      resigned(`${h}.${p.slice(0, 8)}${letter}${p.slice(8)}`)),
    reject(`alphabet/foreign_${i}_in_signature`, "malformed", alphabetWhy,
      `${h}.${p}.${s.slice(0, 8)}${letter}${s.slice(8)}`),
  ]),
  accept("honest/alphabet/minus", alphabetWhy, minus),
  accept("honest/alphabet/underscore", alphabetWhy, underscore),
];

const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
/** The same bytes with other bits behind them: the last letter's low bits stand for nothing. */
const loose = (segment, bits) => segment.slice(0, -1) + letters[letters.indexOf(segment.at(-1)) ^ bits];
const canonicalWhy =
  "bits behind the last byte are zero, so that one token has one text (RFC 4648 section 3.5; RFC 7515 section 2)";
const trailing = [
  ...[1, 2, 3].map((bits) => reject(`trailing_bits/signature_${bits}`, "malformed", canonicalWhy,
    `${h}.${p}.${loose(s, bits)}`)),
  ...[1, 2, 3].map((bits) => reject(`trailing_bits/payload_${bits}`, "malformed", canonicalWhy,
    resigned(`${h}.${loose(b64(padded[2]), bits)}`))),
  ...[1, 4, 8, 15].map((bits) => reject(`trailing_bits/payload_of_four_${bits}`, "malformed", canonicalWhy,
    resigned(`${h}.${loose(b64(padded[1]), bits)}`))),
  ...[1, 2, 3].map((bits) => reject(`trailing_bits/header_${bits}`, "malformed", canonicalWhy,
    resigned(`${loose(b64(heads[2]), bits)}.${p}`))),
  ...[1, 8, 15].map((bits) => reject(`trailing_bits/header_of_four_${bits}`, "malformed", canonicalWhy,
    resigned(`${loose(b64(heads[1]), bits)}.${p}`))),
  ...["ES256", "ES384", "EdDSA", "RS256"].map((alg) => {
    const [eh, ep, es] = signed({ key: OURS[alg] }).split(".");
    // A multiple of three bytes leaves no bits over: there a letter more is what does not belong.
    const text = es.length % 4 === 0 ? `${es}A` : loose(es, 1);
    return reject(`trailing_bits/${alg}`, "malformed", canonicalWhy, `${eh}.${ep}.${text}`, { keys: set(OURS[alg]) });
  }),
  reject("trailing_bits/a_letter_more", "malformed", canonicalWhy, resigned(`${h}.${b64(padded[0])}A`)),
  reject("trailing_bits/a_letter_less", "malformed", canonicalWhy, resigned(`${h}.${b64(padded[2]).slice(0, -2)}`)),
  reject("trailing_bits/a_letter_alone", "malformed", canonicalWhy, `${h}.${p}.A`),
];

const BLANKS = { space: " ", tab: "\t", line_feed: "\n", carriage_return: "\r", crlf: "\r\n", no_break_space: "\u00a0",
  line_separator: "\u2028", em_space: "\u2003" };
const blankWhy = "no white space, line breaks or other characters (RFC 7515 section 2; RFC 4648 section 3.3)";
const blanks = Object.entries(BLANKS).flatMap(([name, blank]) => [
  ["before", blank + good],
  ["behind", good + blank],
  ["in_header", resigned(`${h.slice(0, 5)}${blank}${h.slice(5)}.${p}`)],
  ["in_payload", resigned(`${h}.${p.slice(0, 5)}${blank}${p.slice(5)}`)],
  ["in_signature", `${h}.${p}.${s.slice(0, 5)}${blank}${s.slice(5)}`],
  ["around_dots", [h, p, s].join(blank + "." + blank)],
].map(([place, text]) => reject(`whitespace/${name}_${place}`, "malformed", blankWhy, text)));
blanks.push(reject("whitespace/lines_of_64", "malformed", blankWhy, good.replace(/.{64}/g, "$&\n")));

const three = "exactly three segments with two dots between (RFC 7515 sections 3.1 and 7.1)";
const SEGMENTS = [
  ["nothing", ""], ["one", h], ["one_of_signature", s], ["two", `${h}.${p}`], ["two_without_payload", `${h}.${s}`],
  ["four", `${good}.${s}`],
  ["four_with_two_payloads", `${h}.${p}.${p}.${s}`], ["four_without_dot", resigned(`${h}.${p}.${p}`)],
  ["five", `${good}.${s}.${s}`], ["five_resigned", resigned(`${h}.${p}.${p}.${p}`)],
  ["two_tokens", `${good}.${good}`], ["two_tokens_and_comma", `${good},${good}`],
  ["hundred", Array(100).fill("AAAA").join(".")],
  ["leading_dot", `.${good}`], ["trailing_dot", `${good}.`], ["both_dots", `.${good}.`],
  ["dot_twice", `${h}..${p}.${s}`], ["dot_twice_behind", `${h}.${p}..${s}`],
  ["three_dots", "..."], ["one_dot", "."], ["four_dots", "...."], ["only_dots", ".".repeat(1000)],
  ["full_width_dots", good.replaceAll(".", "．")], ["percent_dots", good.replaceAll(".", "%2E")],
  ["bearer_in_it", `Bearer ${good}`], ["quoted", `"${good}"`], ["in_angles", `<${good}>`],
].map(([name, text]) => reject(`segments/${name}`, "malformed", three, text));

const emptyWhy =
  "an empty segment is base64url of nothing, which is no header, no claims, no signature (RFC 7515 section 5.2)";
const empties = [
  reject("empty_segment/all", "header", emptyWhy, ".."),
  reject("empty_segment/header", "header", emptyWhy, `.${p}.${s}`),
  reject("empty_segment/payload", "signature", emptyWhy, `${h}..${s}`),
  reject("empty_segment/signature", "signature", emptyWhy, `${h}.${b64(padded[1])}.`),
  reject("empty_segment/payload_and_signature", "signature", emptyWhy, `${h}..`),
  reject("empty_segment/header_and_payload", "header", emptyWhy, `..${s}`),
];

/** An honest token of exactly that many bytes. */
function sized(size, key = OURS.HS256) {
  for (let more = 0; more < 4; more += 1) {
    const make = (filling) =>
      signed({ key, head: { x: "x".repeat(more) }, payload: claims({ own: "x".repeat(filling) }) });
    const near = Math.max(0, Math.floor(((size - make(0).length) * 3) / 4) - 4);
    for (let filling = near; make(filling).length <= size; filling += 1) {
      if (make(filling).length === size) return make(filling);
    }
  }
  throw new Error(`no token of ${size} bytes`);
}
const limit = "at most 8 KiB are looked at (DESIGN.md, the verification; RFC 7519 sets no limit)";
const sizes = [
  ...[4000, 8190, 8191, 8192].map((size) => accept(`honest/size/${size}`, limit, sized(size))),
  ...["RS256", "EdDSA"]
    .map((alg) => accept(`honest/size/8192_${alg}`, limit, sized(8192, OURS[alg]), { keys: set(OURS[alg]) })),
  ...[8193, 8194, 9000, 16384].map((size) => reject(`size/${size}`, "too_long", limit, sized(size))),
  reject("size/8193_letters", "too_long", limit, "A".repeat(8193)),
  reject("size/8192_letters", "malformed", limit, "A".repeat(8192)),
  reject("size/8193_dots", "too_long", limit, ".".repeat(8193)),
  reject("size/8193_bytes_in_fewer_characters", "too_long", limit, "é".repeat(4097)),
  reject("size/64_kib_header", "too_long", limit, signed({ head: { x: "x".repeat(49152) } })),
  reject("size/1_mib", "too_long", limit, sized(1048576)),
];

const jws = { payload: p, protected: h, signature: s };
const serialWhy = "the compact serialization alone (RFC 7515 section 3.1; RFC 7519 section 1)";
const encrypted = b64('{"alg":"dir","enc":"A256GCM"}');
const serial = [
  ["flattened", "malformed", JSON.stringify(jws)],
  ["general", "malformed", JSON.stringify({ payload: p, signatures: [{ protected: h, signature: s }] })],
  ["general_unprotected", "malformed",
    JSON.stringify({ payload: p, signatures: [{ header: { alg: "none" }, signature: "" }] })],
  ["flattened_in_base64url", "malformed", b64(JSON.stringify(jws))],
  ["flattened_with_dots", "malformed", `{"payload":"${p}","x":".","signature":"."}`],
].map(([name, reason, text]) => reject(`json_serialization/${name}`, reason, serialWhy, text));
const jweWhy = "an encrypted token has five segments and is none of ours (RFC 7516 section 3.1; RFC 7519 section 7.2)";
const jwe = [
  ["dir", "malformed", `${encrypted}..AAAAAAAAAAAAAAAA.AAAA.AAAAAAAAAAAAAAAAAAAAAA`],
  ["rsa_oaep", "malformed",
    `${b64('{"alg":"RSA-OAEP","enc":"A256GCM"}')}.${"A".repeat(342)}.AAAAAAAAAAAAAAAA.AAAA.AAAAAAAAAAAAAAAAAAAAAA`],
  ["empty_segments", "malformed", `${encrypted}....`],
  ["our_header", "malformed", `${h}.${p}.${s}.AAAA.AAAA`],
  ["in_three", "algorithm", `${encrypted}.AAAA.AAAA`],
  ["in_three_signed", "algorithm", token('{"alg":"dir","enc":"A256GCM","typ":"at+jwt"}', claims(), OURS.HS256.sign)],
].map(([name, reason, text]) => reject(`jwe/${name}`, reason, jweWhy, text));
const nested = [
  reject("nested/token_as_payload", "claims", "a payload is claims, and no token (RFC 7519 section 7.2, step 8)",
    signed({ payload: good, head: { cty: "JWT" } })),
  reject("nested/header_as_token", "header", "a header is a JSON object (RFC 7515 section 4)",
    resigned(`${b64(good)}.${p}`)),
  accept("honest/cty", "cty is the application's (RFC 7519 section 5.2)", signed({ head: { cty: "JWT" } })),
  accept("honest/replicated_claims", "claims in the header are not looked at (RFC 7519 section 5.3)",
    signed({ head: { iss: "evil", exp: 1, aud: [1] } })),
];

export default [...padding, ...alphabet, ...trailing, ...blanks, ...SEGMENTS, ...empties, ...sizes, ...serial, ...jwe,
  ...nested];
