// The widespread tutorial's refresh over PostgreSQL: `node refresh.mjs tutorial | tuned FILE COUNT`.
//
// Makes as many people with a refresh token each, writes the tokens to FILE, one a line, prints its address, and ends when
// its stdin does. `tutorial` is written as the copies of it are: secrets as strings, the person read, read again and
// written. `tuned` is the best that can be done without another design: keys parsed once, one prepared statement.
import { createSecretKey } from "node:crypto";
import { writeFileSync } from "node:fs";
import cookieParser from "cookie-parser";
import express from "express";
import jwt from "jsonwebtoken";
import pg from "pg";

const [kind, file, count] = process.argv.slice(2);
const tuned = kind === "tuned";
const key = (secret) => (tuned ? createSecretKey(Buffer.from(secret)) : secret);
const accessSecret = key(process.env.ACCESS_TOKEN_SECRET);
const refreshSecret = key(process.env.REFRESH_TOKEN_SECRET);
const options = { httpOnly: true, secure: true };
const pool = new pg.Pool({ connectionString: process.env.DATABASE_URL, max: 16 });

const accessOf = ({ id, username, email, full_name }) =>
  jwt.sign({ _id: id, username, email, fullName: full_name }, accessSecret, { expiresIn: "15m" });
const refreshOf = (id, secret = refreshSecret) => jwt.sign({ _id: id }, secret, { expiresIn: "7d" });

async function tutorial(incoming) {
  const decoded = jwt.verify(incoming, refreshSecret);
  const found = await pool.query("SELECT * FROM users WHERE id = $1", [decoded._id]);
  const user = found.rows[0];
  if (!user || user.refresh_token !== incoming) throw new Error("refresh token is expired or used");
  return generateAccessAndRefreshTokens(user.id);
}

async function generateAccessAndRefreshTokens(id) {
  const user = (await pool.query("SELECT * FROM users WHERE id = $1", [id])).rows[0];
  const [accessToken, refreshToken] = [accessOf(user), refreshOf(id)];
  await pool.query("UPDATE users SET refresh_token = $2, updated_at = now() WHERE id = $1", [id, refreshToken]);
  return { accessToken, refreshToken };
}

const SWAP = `UPDATE users SET refresh_token = $3, updated_at = now() WHERE id = $1 AND refresh_token = $2
  RETURNING id, username, email, full_name`;

async function inOneStatement(incoming) {
  const { _id } = jwt.verify(incoming, refreshSecret, { algorithms: ["HS256"] });
  const refreshToken = refreshOf(_id);
  const swapped = await pool.query({ name: "swap", text: SWAP, values: [_id, incoming, refreshToken] });
  if (swapped.rowCount !== 1) throw new Error("refresh token is expired or used");
  return { accessToken: accessOf(swapped.rows[0]), refreshToken };
}

async function people() {
  await pool.query("DROP TABLE IF EXISTS users");
  await pool.query(`CREATE TABLE users (id text PRIMARY KEY, username text UNIQUE NOT NULL, email text UNIQUE NOT NULL,
    full_name text, avatar text, cover_image text, password text NOT NULL, refresh_token text,
    created_at timestamptz NOT NULL DEFAULT now(), updated_at timestamptz NOT NULL DEFAULT now())`);
  // Parsed once, so that it takes no minute.
  const secret = createSecretKey(Buffer.from(process.env.REFRESH_TOKEN_SECRET));
  const ids = Array.from({ length: Number(count) }, (_, n) => n.toString(16).padStart(24, "0"));
  const tokens = ids.map((id) => refreshOf(id, secret));
  await pool.query(
    `INSERT INTO users (id, username, email, full_name, avatar, cover_image, password, refresh_token)
      SELECT id, 'user' || id, id || '@example.com', 'A Name', 'https://app.example/a.png', '', 'hash', token
      FROM unnest($1::text[], $2::text[]) AS t (id, token)`,
    [ids, tokens],
  );
  writeFileSync(file, tokens.join("\n") + "\n");
}

const app = express();
if (tuned) app.disable("x-powered-by").disable("etag");
app.use(express.json({ limit: "16kb" }), express.urlencoded({ extended: true, limit: "16kb" }), cookieParser());
app.get("/health", (_req, res) => res.send("ok"));
app.post("/refresh", async (req, res) => {
  try {
    const tokens = await (tuned ? inOneStatement : tutorial)(req.cookies.refreshToken || req.body.refreshToken);
    res.status(200).cookie("accessToken", tokens.accessToken, options).cookie("refreshToken", tokens.refreshToken, options);
    res.json({ statusCode: 200, data: tokens, message: "Access token refreshed", success: true });
  } catch (error) {
    res.status(401).json({ statusCode: 401, data: null, message: error.message, success: false });
  }
});
await people();
const server = app.listen(0, "127.0.0.1", () => {
  console.log(`http://127.0.0.1:${server.address().port}`);
  process.stdin.resume().on("end", () => process.exit());
});
