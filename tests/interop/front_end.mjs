// Front ends as they are written against the tutorial's server: `node front_end.mjs BASE_URL [OPTIONS]`.
//
// It knows nothing of the server but the contract, and runs unchanged against the tutorial's own and against this crate. BASE_URL is
// that of the users' routes. OPTIONS is a JSON object, each member of it optional: `origin`, the page's, where it is not the
// server's; `stranger`, a refresh token of the tutorial's form for a person who is not there any more; `before`, the tokens
// `{accessToken, refreshToken}` of somebody who logged in at the tutorial's server, whose place this one has taken.
import assert from "node:assert/strict";
import axios from "axios";
import { Browser } from "./browser.mjs";

const [base, options = "{}"] = process.argv.slice(2);
const { origin = new URL(base).origin, stranger, before } = JSON.parse(options);
const TIMEOUT = 10_000;
const PASSWORD = "correct horse battery staple";

/** What a page has: an axios instance that renews the access token when it is refused, once for all that were refused with it. */
function page(browser) {
  const api = axios.create({ baseURL: base, withCredentials: true, timeout: TIMEOUT, adapter: browser.adapter });
  let refreshing = null;
  api.refreshes = 0;
  api.interceptors.request.use((config) => Object.assign(config, { sentAfter: api.refreshes }));
  api.interceptors.response.use(undefined, async (error) => {
    const original = error.config;
    const own = ["/login", "/refresh-token"].includes(original.url);
    if (error.response?.status !== 401 || original._retry || own) throw error;
    original._retry = true;
    if (original.sentAfter === api.refreshes) {
      api.refreshes += 1;
      refreshing = api.post("/refresh-token");
    }
    await refreshing;
    return api(original);
  });
  return api;
}

/** An app without cookies: it keeps the tokens itself. */
function app() {
  const api = axios.create({ baseURL: base, timeout: TIMEOUT });
  const kept = {};
  api.interceptors.request.use((config) => {
    if (kept.accessToken) config.headers.set("Authorization", `Bearer ${kept.accessToken}`);
    return config;
  });
  api.interceptors.response.use(undefined, async (error) => {
    const original = error.config;
    if (error.response?.status !== 401 || original._retry || original.url !== "/current-user") throw error;
    original._retry = true;
    const { data } = await api.post("/refresh-token", { refreshToken: kept.refreshToken });
    keepOf(kept, refreshed(data));
    return api(original);
  });
  return { api, kept };
}

const keepOf = (kept, { accessToken, refreshToken }) => Object.assign(kept, { accessToken, refreshToken });
const payload = (token) => JSON.parse(Buffer.from(token.split(".")[1], "base64url").toString());
const isToken = (text) => assert.match(text, /^[\w-]+\.[\w-]+\.[\w-]+$/);

function envelope(answer, message) {
  assert.deepEqual(Object.keys(answer).sort(), ["data", "message", "statusCode", "success"]);
  assert.equal(answer.statusCode, 200);
  assert.equal(answer.success, true);
  assert.match(answer.message, message);
  return answer.data;
}

function loggedIn(answer) {
  const data = envelope(answer, /^User logged in successfully$/);
  assert.deepEqual(Object.keys(data).sort(), ["accessToken", "refreshToken", "user"]);
  const { user, accessToken, refreshToken } = data;
  const { _id, email, username, fullName } = user;
  assert.match(_id, /^[0-9a-f]{24}$/);
  assert.deepEqual([email, username, fullName], ["alice@example.com", "alice", "Alice Example"]);
  secretless(user);
  tokensOf(user, data);
  return { user, accessToken, refreshToken };
}

const secretless = (user) => assert.ok(!("password" in user) && !("refreshToken" in user), "a person without secrets");

function refreshed(answer) {
  const data = envelope(answer, /^Access token refreshed$/);
  // The tutorial sends no user here; a page would not mind one.
  secretless(data.user ?? {});
  tokensOf(null, data);
  return data;
}

/** Front ends look into the access token for whom to greet, and into both for how long. */
function tokensOf(user, { accessToken, refreshToken }) {
  [accessToken, refreshToken].forEach(isToken);
  const [access, refresh] = [payload(accessToken), payload(refreshToken)];
  for (const name of ["_id", "email", "username", "fullName"]) {
    assert.equal(typeof access[name], "string", name);
    if (user) assert.equal(access[name], user[name]);
  }
  assert.equal(refresh._id, access._id);
  for (const claims of [access, refresh]) assert.ok(claims.exp * 1000 > Date.now() && claims.iat <= claims.exp);
}

/** A refusal as a front end reads it: the status, and the text that it shows. */
async function refused(request, status, message = /./) {
  const { response } = await request.then(
    (answer) => assert.fail(`taken: ${answer.status}`),
    (error) => error,
  );
  assert.ok(response, "an answer");
  assert.equal(response.status, status, JSON.stringify(response.data));
  assert.equal(response.data.success, false);
  assert.match(response.data.message, message);
  return response;
}

/** The cookies are the tokens of the answer, out of the script's reach. */
function cookiesAre(browser, { accessToken, refreshToken }) {
  assert.deepEqual(browser.names(), ["accessToken", "refreshToken"]);
  assert.equal(browser.cookie("accessToken").value, accessToken);
  assert.equal(browser.cookie("refreshToken").value, refreshToken);
  assert.ok(browser.cookie("accessToken").httpOnly && browser.cookie("refreshToken").httpOnly);
}

const me = async (api) => (await api.get("/current-user")).data.data._id;

const steps = {
  async "nobody is refused, and has nothing to refresh with"() {
    const api = page(new Browser(origin));
    await refused(api.get("/current-user"), 401, /^Unauthorized request$/);
    assert.equal(api.refreshes, 1);
    await refused(api.post("/refresh-token", {}), 401, /^Unauthorized request$/);
  },

  async "wrong credentials open nothing"() {
    const browser = new Browser(origin);
    const api = page(browser);
    await refused(api.post("/login", { email: "alice@example.com", password: "wrong" }), 401);
    await refused(api.post("/login", { username: "alice", password: "" }), 401);
    assert.deepEqual(browser.names(), []);
  },

  async "a page logs in, is known, refreshes and logs out"() {
    const browser = new Browser(origin);
    const api = page(browser);
    const first = loggedIn((await api.post("/login", { email: "alice@example.com", password: PASSWORD })).data);
    cookiesAre(browser, first);
    assert.equal(await me(api), first.user._id);
    assert.equal(api.refreshes, 0);

    // The access cookie has run out, or its token has: three requests at once, one refresh.
    for (const spoil of [() => browser.forget("accessToken"), () => browser.put("accessToken", `${first.accessToken}x`)]) {
      spoil();
      api.refreshes = 0;
      assert.deepEqual(await Promise.all([me(api), me(api), me(api)]), Array(3).fill(first.user._id));
      assert.equal(api.refreshes, 1);
    }

    // Every way in which pages send it: without a body, with an empty one, with a type and nothing (as `fetch` does where its
    // headers are always the same), with the token.
    const nothing = { headers: { "Content-Type": "application/json" }, transformRequest: () => "" };
    const inBody = { refreshToken: browser.cookie("refreshToken").value };
    for (const [body, config] of [[], [{}], [null], [{}, nothing], [inBody]]) {
      const tokens = refreshed((await api.post("/refresh-token", body, config)).data);
      cookiesAre(browser, tokens);
      assert.equal(await me(api), first.user._id);
      inBody.refreshToken = tokens.refreshToken;
    }

    const last = browser.cookie("refreshToken").value;
    assert.deepEqual(envelope((await api.post("/logout")).data, /^User logged out$/i), {});
    assert.deepEqual(browser.names(), []);
    await refused(api.get("/current-user"), 401);
    // A copy of the token, from before.
    browser.put("refreshToken", last);
    await refused(api.post("/refresh-token"), 401, /^Refresh token is expired or used$/);
  },

  async "an app without cookies does the same with tokens from the body"() {
    const { api, kept } = app();
    const first = loggedIn((await api.post("/login", { username: "alice", password: PASSWORD })).data);
    keepOf(kept, first);
    assert.equal(await me(api), first.user._id);
    kept.accessToken = `${kept.accessToken}x`;
    assert.equal(await me(api), first.user._id);
    assert.notEqual(kept.accessToken, `${first.accessToken}x`);
    keepOf(kept, refreshed((await api.post("/refresh-token", { refreshToken: kept.refreshToken })).data));
    assert.equal(await me(api), first.user._id);
    assert.deepEqual(envelope((await api.post("/logout")).data, /^User logged out$/i), {});
    const again = api.post("/refresh-token", { refreshToken: kept.refreshToken });
    await refused(again, 401, /^Refresh token is expired or used$/);
  },

  async "what is no refresh token is refused, and no error of the server's"() {
    for (const refreshToken of ["undefined", "null", "a.b.c", "x".repeat(5_000)]) {
      const browser = new Browser(origin);
      browser.put("refreshToken", refreshToken);
      await refused(page(browser).post("/refresh-token"), 401);
      await refused(app().api.post("/refresh-token", { refreshToken }), 401);
    }
  },

  async "a refresh token of a person who is gone is refused"() {
    if (!stranger) return "no such token given";
    // Which of the two is said is the server's choice: a page shows it, and asks for the password.
    const message = /^(Invalid refresh token|Refresh token is expired or used)$/;
    await refused(app().api.post("/refresh-token", { refreshToken: stranger }), 401, message);
  },

  async "whoever logged in before the change goes on after it"() {
    if (!before) return "no tokens from before given";
    // The pages and their cookies are the same, the server behind them is another one. Two tabs come at once.
    const browsers = [new Browser(origin), new Browser(origin)];
    for (const browser of browsers) Object.entries(before).forEach(([name, value]) => browser.put(name, value));
    const pages = browsers.map(page);
    const { _id } = payload(before.refreshToken);
    assert.deepEqual(await Promise.all(pages.map(me)), [_id, _id]);
    for (const [i, browser] of browsers.entries()) {
      assert.equal(pages[i].refreshes, 1);
      for (const [name, value] of Object.entries(before)) assert.notEqual(browser.cookie(name).value, value, "replaced");
      cookiesAre(browser, refreshed((await pages[i].post("/refresh-token")).data));
    }
    // Where it ends, the old token has ended, too.
    envelope((await pages[0].post("/logout")).data, /^User logged out$/i);
    browsers[0].put("refreshToken", before.refreshToken);
    await refused(pages[0].post("/refresh-token"), 401, /^Refresh token is expired or used$/);
  },
};

for (const [name, step] of Object.entries(steps)) {
  console.log(name);
  try {
    const skipped = await step();
    if (skipped) console.log(`  not run: ${skipped}`);
  } catch (error) {
    // Not the error itself: an axios error has the tokens in it.
    console.log(error.stack, error.config?.method, error.config?.url, error.response?.status, error.response?.data);
    process.exit(1);
  }
}
console.log("done");
