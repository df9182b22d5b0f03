// Writes what a fuzz target starts from: `node fuzz/seeds.mjs TARGET FOLDER`.
//
// The tokens are those of tests/vectors/corpus.jsonl; the rest says how a request or an environment is written for a target.
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createHash } from "node:crypto";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const [wanted, folder] = process.argv.slice(2);
const LONGEST = 2048;

mkdirSync(folder, { recursive: true });
const seed = (target, ...parts) => {
    const bytes = Buffer.concat(parts.map((part) => Buffer.from(part)));
    if (target !== wanted || bytes.length > LONGEST) return;
    writeFileSync(join(folder, createHash("sha1").update(bytes).digest("hex")), bytes);
};

// Bytes 0x10 to 0x1f stand for tokens, 0x01 for the cookie's name with its equals sign, 0x02 for the scheme with its blank.
const token = (number) => String.fromCharCode(0x10 + number);
const [cookie, bearer] = ["\x01", "\x02"];

const corpus = readFileSync(join(here, "../tests/vectors/corpus.jsonl"), "utf8").split("\n").filter(Boolean);
for (const { id, token: text } of corpus.map((line) => JSON.parse(line).case)) {
    // Each byte of a token flipped is what the targets do by themselves.
    if (id.includes("flip")) continue;
    // As it is, and with its header and payload signed anew.
    seed("token_verification", [0, 0, 0], text);
    const [header, payload] = text.split(".").map((segment) => Buffer.from(segment, "base64url"));
    if (payload) {
        seed("token_verification", [23, 1, 0], header, "\n", payload);
        seed("token_verification", [15, 2, 0], payload);
        seed("token_verification", [1, 3, 0], header);
    }
    seed("refresh_body", [0], "Tapplication/json\n\n", JSON.stringify({ refresh_token: text }));
}

const headers = ["HS256", "HS384", "EdDSA", "Ed25519"].map((alg) => JSON.stringify({ alg, typ: "at+jwt", kid: "a" }));
const claims = {
    iss: "https://id.example", aud: ["https://api.example", "other"], sub: "alice", sid: "AAAAAAAAAAAAAAAAAAAAAA", gen: 1, jti: "x", scope: "a b",
    exp: 1700000060, nbf: 1700000000, iat: 1700000060, auth_time: 1700000000, own: { deep: [1.5, null, true] },
};
for (const [key, header] of headers.entries()) {
    for (const rules of [0, 15, 55, 127]) {
        seed("token_verification", [rules, 1, key], header, "\n", JSON.stringify(claims));
        seed("token_verification", [rules, 2, key], JSON.stringify(claims));
        seed("token_verification", [rules, 3, key], header);
        seed("token_verification", [rules, 4, key], [40, 0, 0, 50, 0, 65]);
    }
}

const lines = [
    `A${bearer}${token(0)}`, `Abearer   ${token(0)}`, `ABasic YTpi\nA${bearer}${token(0)}`, `A${bearer}${token(0)}\nA${bearer}${token(0)}`,
    `A${bearer}`, `A${bearer}${token(0)}, x`, `C${cookie}${token(0)}`, `Ca=1; ${cookie}${token(0)};${cookie}${token(1)}`,
    `C${cookie}${token(0)}\nC${cookie}${token(3)}`, `C${[0, 1, 2, 6].map((n) => cookie + token(n)).join(";")}`,
    `C${[0, 1, 2, 6, 7].map((n) => cookie + token(n)).join("; ")}`, `A${bearer}${token(0)}\nC${cookie}${token(1)}`,
    `A${bearer}${token(5)}\nC${cookie}${token(1)}`, `C${cookie}${token(0)}\nSsame-origin`, `C${cookie}${token(0)}\nScross-site`,
    `C${cookie}${token(0)}\nOhttps://app.example\nScross-site`, `C${cookie}${token(0)}\nOhttps://evil.example\nHapp.example`,
    `C${cookie}${token(0)}\nUwebsocket\nSsame-site`, `Ohttps://a\nPPOST`, `Hlocalhost:3000\nC${cookie}${token(2)}`, `H127.0.0.1`,
    `H[::1]:3000`, `Hevil.example`, `Hlocalhost\nHlocalhost`, ...[6, 7, 8, 9, 10, 11, 12, 13, 14, 15].map((n) => `A${bearer}${token(n)}`),
];
for (const line of lines) {
    for (const bits of [0, 1, 2, 4]) for (const asks of [0, 1, 2]) seed("header_extraction", [bits, asks], line);
    const value = line.split("\n").filter((one) => one.startsWith("C")).map((one) => one.slice(1)).join("\n");
    if (value) for (const name of [0, 1, 2, 3]) seed("cookie_parsing", [name], value);
}
for (const value of [`"${cookie}${token(0)}"`, `a="x; ${cookie}${token(0)}"`, `__%48ost-${cookie}x`, ` \t${cookie}${token(0)}\t `, `${cookie}`]) {
    seed("cookie_parsing", [0], value);
}
for (const space of [[0xc2, 0xa0], [0xe2, 0x80, 0x80], [0xff], [0x0b], [0x0c]]) seed("cookie_parsing", [1], space, `${cookie}${token(0)}`, space);

for (let route = 0; route < 8; route++) {
    for (let number = 0; number < 11; number++) {
        const one = token(number);
        seed("refresh_body", [route], `Tapplication/json\n\n{"refresh_token":"${one}"}`);
        seed("refresh_body", [route], `Tapplication/x-www-form-urlencoded\n\nrefreshToken=${one}&password=right`);
        seed("refresh_body", [route], `C${cookie}${one}\n\n`);
        seed("refresh_body", [route], `C${cookie}${one}; ${cookie}${token(1)}\nSsame-origin\n\n`);
        seed("refresh_body", [route], `C${cookie}${one}\nTapplication/json\n\n{"refreshToken":"${token(2)}"}`);
        seed("refresh_body", [route], `A${bearer}${token(9)}\nC${cookie}${one}\nScross-site\n\n`);
    }
    seed("refresh_body", [route], `Tapplication/json; charset=utf-8\n\n{"username":"alice","password":"right","keep_current":true}`);
    seed("refresh_body", [route], `TAPPLICATION/X-WWW-FORM-URLENCODED\n\nusername=alice&password=%72ight&keep_current=on&+=%ff`);
    seed("refresh_body", [route], `Ttext/plain\n\nx`);
    seed("refresh_body", [route], `Tapplication/json\n\n{"refresh_token":"","refreshToken":null}`);
    seed("refresh_body", [route], `C${cookie}${token(0)}\nTapplication/x-www-form-urlencoded\n\nrefresh_token=&refreshToken=`);
}

for (const bits of [0, 8]) {
    for (let route = 0; route < 4; route++) {
        for (let number = 0; number < 4; number++) {
            seed("express_body", [bits | route], `Tapplication/json\n\n{"refreshToken":"${token(number)}"}`);
            seed("express_body", [bits | route], `C${cookie}${token(number)}\nScross-site\n\n`);
            seed("express_body", [bits | route], `C${cookie}${token(number)}\nTapplication/json\n\n{"refreshToken":"${token(0)}"}`);
        }
        seed("express_body", [bits | route], `Tapplication/json\nOhttps://app.example\n\n{"username":"alice","password":"right"}`);
    }
    for (const exp of [1700000000, 1700000060, 1700000000.5, "1700000060", 1e300]) {
        for (const _id of ["65a", "", 65, "\0"]) seed("express_body", [128 | bits], JSON.stringify({ _id, iat: 1700000000, exp }));
        seed("express_body", [128 | bits], JSON.stringify({ _id: "65a", iat: 1700000060, exp, email: "a@b.c" }));
    }
}

// A letter for each variable, in the order of the target's list; a blank first byte starts from good ones.
const variables = [
    [], ["dfifteen"], ["d15m"], ["d1h"], ["d2h"], ["g1.5h"], ["h7d", "g7d"], ["h7d", "g8d"], ["i400d"], ["i401d"], ["r60s"], ["r61"], ["r1"],
    ["s90s"], ["s89s"], ["pstrict"], ["qstrict", "r10s", "s30s"], ["qlenient"], ["qother"], ["lon"], ["loff", "k-", "oiss"], ["loff", "mname"],
    ["mname", "nother"], ["mname", "nname"], ["m__Host-a"], ["khttp://localhost:3000", "m__Host-a"], ["khttp://localhost:3000", "maccess"],
    ["khttp://127.0.0.1"], ["khttp://[::1]:8080"], ["khttp://app.example"], ["khttps://app.example/"], ["khttps://a:443"], ["khttps://[fe80::1]:1"],
    ["a-"], ["a-", "c0"], ["a-", "c1,2"], ["afuzz-refresh-0123456789-abcdefghijklmno"], ["afuzz-refresh-0123456789-abcdefghijklmnopq"],
    ["aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"], ["ashort"], ["a-----BEGIN PUBLIC KEY-----0123456789abcdef"], ["b0123456789abcdefghijklmnopqrstuvw"],
    ["areplace-this-with-the-output-of-openssl-rand-base64-48"], ["j "], ["jpostgres://user:pass$word@db/x"], ["oa\tb"], ["pb"], ["g2 days"], ["g6m"], ["g2m"],
];
for (const set of variables) for (const bits of [0, 1]) seed("environment", [bits], set.join("\n"));
