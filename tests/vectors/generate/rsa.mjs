// RSA paddings written out (RFC 8017 section 9): deterministic PSS, and paddings that nobody should take.
import { constants, createHash, privateEncrypt } from "node:crypto";

const hashed = (hash, ...parts) => createHash(hash).update(Buffer.concat(parts)).digest();

const DIGEST_INFO = {
  sha256: "3031300d060960864801650304020105000420",
  sha384: "3041300d060960864801650304020205000430",
  sha512: "3051300d060960864801650304020305000440",
};

/** EMSA-PKCS1-v1_5 (section 9.2); `digestInfo` without its NULL, or a padding of another make,
  where a case wants it. */
export function pkcs1(length, hash, message,
  { prefix = Buffer.from(DIGEST_INFO[hash], "hex"), blockType = 1, garbage = 0 } = {}) {
  const info = Buffer.concat([prefix, hashed(hash, message)]);
  const padding = Buffer.alloc(length - 3 - info.length - garbage, 0xff);
  return Buffer.concat([Buffer.of(0, blockType), padding, Buffer.of(0), info, Buffer.alloc(garbage, 0x5a)]);
}

/** The DigestInfo prefix without the NULL that RFC 8017 section 9.2 writes. */
export const withoutNull = Buffer.from("302f300b0609608648016503040201" + "0420", "hex");

function mgf1(hash, seed, length) {
  const blocks = [];
  for (let counter = 0; Buffer.concat(blocks).length < length; counter += 1) {
    const count = Buffer.alloc(4);
    count.writeUInt32BE(counter);
    blocks.push(hashed(hash, seed, count));
  }
  return Buffer.concat(blocks).subarray(0, length);
}

/** EMSA-PSS (section 9.1.1) with a salt that follows from the message, of the hash's length (RFC 7518 section 3.5). */
export function pss(length, hash, message, { saltLength, mgfHash = hash, trailer = 0xbc } = {}) {
  const digest = hashed(hash, message);
  const salt = mgf1(hash, Buffer.concat([Buffer.from("salt"), digest]), saltLength ?? digest.length);
  const h = hashed(hash, Buffer.alloc(8), digest, salt);
  const db = Buffer.alloc(length - h.length - 1);
  db[db.length - salt.length - 1] = 1;
  salt.copy(db, db.length - salt.length);
  const mask = mgf1(mgfHash, h, db.length);
  const masked = db.map((byte, i) => byte ^ mask[i]);
  // The modulus has a multiple of eight bits, so that one bit more than its length is left over (step 11).
  masked[0] &= 0x7f;
  return Buffer.concat([masked, h, Buffer.of(trailer)]);
}

/** RSASP1 (section 5.2.1) over an encoded message. */
export const raw = (key, encoded) => privateEncrypt({ key, padding: constants.RSA_NO_PADDING }, encoded);
