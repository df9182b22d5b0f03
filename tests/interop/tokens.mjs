// What Node's `jsonwebtoken` and `jose` say of tokens: an array of jobs on stdin, as many answers on stdout.
//
// An answer is what the job's function returns, or `{"error": …}` with the code (jose) or the text (jsonwebtoken) of what was
// thrown. Keys are PEM texts, or secrets as plain text.
import { createHmac, createPrivateKey, createPublicKey, createSecretKey } from "node:crypto";
import { text } from "node:stream/consumers";
import * as jose from "jose";
import jwt from "jsonwebtoken";

const keyOf = (pem, asymmetric) => (pem.startsWith("-----BEGIN") ? asymmetric(pem) : createSecretKey(Buffer.from(pem)));
const encode = (part) => Buffer.from(part).toString("base64url");
const decode = (part) => JSON.parse(Buffer.from(part, "base64url").toString());
const mac = (secret, input) => createHmac("sha256", secret).update(input).digest("base64url");

const signers = {
  jsonwebtoken: ({ header, claims, key }) =>
    jwt.sign(claims, keyOf(key, createPrivateKey), { algorithm: header.alg, header }),
  jose: ({ header, claims, key }) =>
    new jose.SignJWT(claims).setProtectedHeader(header).sign(keyOf(key, createPrivateKey)),
};

// Everything is named that the library lets one name.
const verifiers = {
  jsonwebtoken: ({ token, algorithms, issuer, audience, now }, key) => {
    const options = { algorithms, issuer, audience, clockTimestamp: now, complete: true };
    const { header, payload } = jwt.verify(token, keyOf(key, createPublicKey), options);
    return { header, claims: payload };
  },
  jose: async ({ token, algorithms, issuer, audience, typ, now }, key) => {
    const currentDate = new Date(now * 1000);
    const options = { algorithms, issuer, audience, typ, currentDate, requiredClaims: ["exp", "sub"] };
    const found = typeof key === "string" ? keyOf(key, createPublicKey) : key;
    const { protectedHeader, payload } = await jose.jwtVerify(token, found, options);
    return { header: protectedHeader, claims: payload };
  },
};

const jobs = {
  sign: async (job) => ({ token: await signers[job.by](job) }),
  verify: (job) => verifiers[job.by](job, job.key),
  // With the keys that are published at `url`.
  fetch: (job) => verifiers.jose(job, jose.createRemoteJWKSet(new URL(job.url))),
  // The public key, or the secret, as this library exports it for a JWK Set.
  export: async ({ alg, key }) => {
    const jwk = await jose.exportJWK(keyOf(key, createPublicKey));
    return { ...jwk, alg, use: "sig", kid: await jose.calculateJwkThumbprint(jwk) };
  },
  // What a token says, signed again from the parsed header and the parsed claims.
  again: async ({ by, token, key }) => {
    const [header, claims] = token.split(".").slice(0, 2).map(decode);
    return { token: await signers[by]({ header, claims, key }) };
  },
  // HMAC-SHA-256 over texts that no library would write.
  craft: ({ header, payload, key }) => {
    const input = `${encode(header)}.${encode(payload)}`;
    return { token: `${input}.${mac(key, input)}` };
  },
};

const answers = [];
for (const job of JSON.parse(await text(process.stdin))) {
  try {
    answers.push(await jobs[job.job](job));
  } catch (error) {
    answers.push({ error: error.code ?? error.message });
  }
}
process.stdout.write(JSON.stringify(answers));
