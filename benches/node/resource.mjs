// A protected route in Node: `node resource.mjs express-bare | express-strings | express-keys | fastify | fastify-cache`.
//
// Prints its address, and ends when its stdin does.
import { createSecretKey } from "node:crypto";
import express from "express";
import Fastify from "fastify";
import fastifyJwt from "@fastify/jwt";
import jwt from "jsonwebtoken";

const { ACCESS_TOKEN_SECRET: secret, ISSUER: issuer, AUDIENCE: audience } = process.env;
const TEXT = "hello";

/** `tuned`: the key is parsed once, and nothing is done that nobody asked for. `open`: nobody is asked for a token. */
function withExpress({ tuned = false, open = false }) {
  const key = tuned ? createSecretKey(Buffer.from(secret)) : secret;
  const app = express();
  if (tuned) app.disable("x-powered-by").disable("etag");
  const verifyJWT = (req, res, next) => {
    try {
      const token = req.header("Authorization")?.replace("Bearer ", "");
      req.user = jwt.verify(token, key, { algorithms: ["HS256"], issuer, audience });
    } catch {
      return res.status(401).send("Unauthorized");
    }
    next();
  };
  app.get("/me", open ? [] : verifyJWT, (_req, res) => res.type("text").send(TEXT));
  const server = app.listen(0, "127.0.0.1", () => say(server.address().port));
}

/** Its library can keep verified tokens; by default it does not. */
async function withFastify(cache) {
  const app = Fastify();
  await app.register(fastifyJwt, { secret, verify: { algorithms: ["HS256"], allowedIss: issuer, allowedAud: audience, cache } });
  app.get("/me", { onRequest: (request) => request.jwtVerify() }, async (_request, reply) => reply.type("text/plain").send(TEXT));
  await app.listen({ port: 0, host: "127.0.0.1" });
  say(app.server.address().port);
}

function say(port) {
  console.log(`http://127.0.0.1:${port}`);
  process.stdin.resume().on("end", () => process.exit());
}

const kinds = {
  "express-bare": () => withExpress({ open: true }),
  "express-strings": () => withExpress({}),
  "express-keys": () => withExpress({ tuned: true }),
  fastify: () => withFastify(false),
  "fastify-cache": () => withFastify(true),
};
await kinds[process.argv[2]]();
