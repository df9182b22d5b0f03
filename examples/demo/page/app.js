// The page of the demo: what it shows, and what a person does there.

import { KEY, alone, call, isDue, noteIssued, on, reason, renew, renewInTurn, send, times } from "./session.js";

const element = (id) => document.getElementById(id);

// ---- What is shown -----------------------------------------------------------------------------------------------------

let who = null;
let whoseLogin = null;
let renewals = 0;
let lookAgain = 0;

on.renewed = () => {
  renewals += 1;
  // What an admin changed shows from here on.
  signedIn();
};
on.again = () => say("The token is renewed again.");
on.failed = (text) => say(`The token could not be renewed: ${text} The page tries again by itself.`, true);
on.ended = () => signedOut("Your session has ended. Please log in again.", true);

function say(text, bad = false) {
  element("status").textContent = text;
  element("status").classList.toggle("bad", bad);
}

function node(tag, properties = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

function show(signedIn) {
  element("signed-in").hidden = !signedIn;
  element("signed-out").hidden = signedIn;
}

/** Takes away what is one person's. */
function forget() {
  who = null;
  for (const list of ["notes", "devices", "users"]) element(list).replaceChildren();
  element("note-form").reset();
  element("answer").textContent = "";
  element("answer").hidden = true;
  element("answer-line").textContent = "Call one to see its answer.";
  element("answer-line").classList.remove("bad");
}

function signedOut(text, bad = false) {
  localStorage.removeItem(KEY);
  forget();
  element("who").textContent = "Not logged in";
  show(false);
  if (text) say(text, bad);
}

/** Asks who is logged in, and shows all of it when it is somebody else than a moment ago. */
async function signedIn() {
  lookAgain = Date.now() + 5000;
  const answer = await call("GET", "/me");
  if (!answer.ok) {
    // Without a session all is said already; with one, `tick` asks again.
    if (times()) say(`${reason(answer)} The page tries again by itself.`, true);
    return;
  }
  // Logged out while the answer was on its way.
  if (!times()) return;
  const { login } = times();
  const same = who?.sub === answer.json.sub && who.admin === answer.json.admin && whoseLogin === login;
  if (who?.sub !== answer.json.sub) forget();
  who = answer.json;
  whoseLogin = login;
  if (same) return;
  element("who").textContent = who.admin ? `${who.username} · admin` : who.username;
  element("admin").hidden = !who.admin;
  show(true);
  await Promise.all([showNotes(), showDevices(), who.admin ? showUsers() : null]);
}

function duration(milliseconds) {
  const seconds = Math.max(0, Math.ceil(milliseconds / 1000));
  return seconds < 60 ? `${seconds} s` : `${Math.floor(seconds / 60)} min ${String(seconds % 60).padStart(2, "0")} s`;
}

/** A moment as it may come: seconds, milliseconds or text. */
function moment(value) {
  const date = new Date(typeof value === "number" && value < 1e11 ? value * 1000 : value);
  return Number.isNaN(date.getTime()) ? "" : date.toLocaleString([], { dateStyle: "medium", timeStyle: "short" });
}

let renewing = false;

/** Once at a time: the page ticks on while a renewal waits for its turn or its answer. */
async function renewByItself() {
  if (renewing) return;
  renewing = true;
  try {
    await renew();
  } finally {
    renewing = false;
  }
}

function tick() {
  const now = times();
  if (!now) return;
  const left = Math.max(0, now.issued + now.life - Date.now());
  const share = Math.min(1, left / now.life);
  element("token-fill").style.transform = `scaleX(${share})`;
  element("token-fill").classList.toggle("late", share < 0.2);
  element("token-mark").style.left = `${100 * (1 - (now.renew - now.issued) / now.life)}%`;
  element("token-plan").textContent = `It renews itself in ${duration(now.renew - Date.now())}, at the mark.`;
  element("token-bar").setAttribute("aria-valuenow", String(Math.round(share * 100)));
  element("token-bar").setAttribute("aria-valuetext", `${duration(left)} left`);
  element("token-left").textContent = left ? `${duration(left)} left of ${duration(now.life)}` : "run out";
  const count = renewals === 1 ? "Renewed once here." : renewals ? `Renewed ${renewals} times here.` : "";
  element("token-count").textContent = count;
  if (isDue()) renewByItself();
  else if (!who && Date.now() >= lookAgain) signedIn();
}

// ---- Notes, devices, users ---------------------------------------------------------------------------------------------

function fill(list, rows, empty) {
  // Logged out while the answer was on its way.
  if (!who) return;
  element(list).replaceChildren(...(rows.length ? rows : [node("li", { className: "empty", textContent: empty })]));
}

async function showNotes() {
  const answer = await call("GET", "/notes");
  if (!answer.ok) return;
  const rows = answer.json.notes.map((note) => node("li", {},
    node("div", { className: "what", textContent: note.text }, node("small", { textContent: moment(note.created_at) }))));
  fill("notes", rows, "No notes yet.");
}

async function showDevices() {
  const answer = await call("GET", "/auth/sessions");
  if (!answer.ok) return;
  const rows = answer.json.sessions.map((session) => {
    const what = node("div", { className: "what" }, device(session.user_agent));
    if (session.label) what.append(` · ${session.label}`);
    if (session.current) what.append(node("span", { className: "badge", textContent: "this device" }));
    const seen = [`since ${moment(session.created_at)}`, `last used ${moment(session.last_used_at)}`];
    if (session.ip) seen.push(session.ip);
    what.append(node("small", { textContent: seen.join(" · ") }));
    const row = node("li", {}, what);
    row.dataset.current = String(session.current);
    if (!session.current) {
      const button = node("button", { type: "button", className: "small danger", textContent: "End" });
      button.setAttribute("aria-label", `End the session on ${device(session.user_agent)}`);
      button.addEventListener("click", () => act(button, async () => {
        const ended = await call("DELETE", `/auth/sessions/${encodeURIComponent(session.id)}`);
        say(ended.ok ? "That device is logged out." : reason(ended), !ended.ok);
        await showDevices();
      }));
      row.append(button);
    }
    return row;
  });
  fill("devices", rows, "No devices.");
}

/** A user agent in a few words. */
function device(agent) {
  if (!agent) return "Unknown device";
  const first = (names) => names.find(([part]) => agent.includes(part))?.[1];
  const browser = first([["Edg/", "Edge"], ["OPR/", "Opera"], ["Firefox/", "Firefox"], ["Chrome/", "Chrome"], ["Safari/", "Safari"]]);
  const system = first([["Android", "Android"], ["iPhone", "iPhone"], ["iPad", "iPad"], ["Windows", "Windows"], ["Mac OS", "macOS"], ["Linux", "Linux"]]);
  if (!browser) return agent.slice(0, 80);
  return system ? `${browser} on ${system}` : browser;
}

async function showUsers() {
  const answer = await call("GET", "/admin");
  if (!answer.ok) {
    element("admin").hidden = true;
    return;
  }
  const rows = answer.json.users.map((user) => {
    const what = node("div", { className: "what" }, user.username);
    if (user.admin) what.append(node("span", { className: "badge", textContent: "admin" }));
    if (user.disabled) what.append(node("span", { className: "badge bad", textContent: "disabled" }));
    if (user.username === who?.username) {
      what.append(node("span", { className: "badge", textContent: "you" }));
      what.append(node("small", { textContent: user.email }));
      return node("li", {}, what);
    }
    what.append(node("small", { textContent: user.email }));
    const path = `/admin/users/${encodeURIComponent(user.username)}`;
    const change = (text, done, method, body) => {
      const danger = method === "DELETE";
      const button = node("button", { type: "button", className: danger ? "small danger" : "small", textContent: text });
      button.setAttribute("aria-label", `${text}: ${user.username}`);
      button.addEventListener("click", () => act(button, async () => {
        if (danger && !confirm(`Delete ${user.username} and all their notes?`)) return;
        const answer = await call(method, path, body);
        say(answer.ok ? `${user.username} ${done}.` : reason(answer), !answer.ok);
        await showUsers();
      }));
      return button;
    };
    return node("li", {}, what,
      user.disabled
        ? change("Enable", "may log in again", "PATCH", { disabled: false })
        : change("Disable", "may no longer log in", "PATCH", { disabled: true }),
      user.admin
        ? change("Take admin", "is no longer an admin", "PATCH", { admin: false })
        : change("Make admin", "is an admin now", "PATCH", { admin: true }),
      change("Delete", "is deleted", "DELETE"));
  });
  fill("users", rows, "No users.");
}

// ---- What a person does ------------------------------------------------------------------------------------------------

/** Runs `work` once, whatever is pressed meanwhile. */
async function act(button, work) {
  if (button.disabled) return;
  button.disabled = true;
  try {
    await work();
  } finally {
    button.disabled = false;
  }
}

function onSubmit(form, work) {
  element(form).addEventListener("submit", (event) => {
    event.preventDefault();
    const data = new FormData(event.target);
    act(event.target.querySelector("button"), () => work(data, event.target));
  });
}

function onClick(id, work) {
  element(id).addEventListener("click", (event) => act(event.currentTarget, work));
}

onSubmit("login-form", async (data, form) => {
  const name = data.get("name");
  // Alone: the cookies of a renewal that another tab has under way must not come after these.
  const answer = await alone(async () => {
    const answer = await send("POST", "/auth/login", {
      [name.includes("@") ? "email" : "username"]: name,
      password: data.get("password"),
      remember: data.has("remember"),
    });
    if (answer.ok) noteIssued(answer.json?.expires_in ?? 60, crypto.randomUUID());
    return answer;
  });
  if (!answer.ok) return say(answer.status === 401 ? "Wrong name or password." : reason(answer), true);
  renewals = 0;
  form.reset();
  say("Logged in.");
  await signedIn();
});

onSubmit("register-form", async (data, form) => {
  const username = data.get("username");
  const answer = await send("POST", "/register", { username, email: data.get("email"), password: data.get("password") });
  if (!answer.ok) return say(reason(answer), true);
  form.reset();
  element("login-name").value = username;
  element("login-password").focus();
  say(`Welcome, ${username}! You can log in now.${answer.json?.admin ? " As the first one here, you are the admin." : ""}`);
});

onSubmit("note-form", async (data, form) => {
  const answer = await call("POST", "/notes", { text: data.get("text") });
  if (!answer.ok) return say(reason(answer), true);
  form.reset();
  await showNotes();
});

for (const button of document.querySelectorAll("[data-route]")) {
  button.addEventListener("click", () => act(button, async () => {
    const path = button.dataset.route;
    const answer = await call("GET", path);
    const body = answer.json === null ? answer.text : JSON.stringify(answer.json, null, 2);
    element("answer-line").textContent = answer.status ? `${answer.status} · GET ${path}` : reason(answer);
    element("answer-line").classList.toggle("bad", !answer.ok);
    element("answer").textContent = body;
    element("answer").hidden = !body;
  }));
}

onClick("renew", async () => {
  if (!(await renew(true))) say("The access token is new.");
  tick();
});
onClick("rotate", async () => {
  if (!(await renew(true, "/auth/rotate"))) say("Both tokens are new, and all earlier ones are refused.");
  tick();
});
onClick("devices-again", showDevices);
onClick("users-again", showUsers);
onClick("logout", async () => {
  // Alone, and to its end: a renewal that waited for its turn must find nobody there.
  await alone(async () => {
    const answer = await send("POST", "/auth/logout");
    if (answer.ok) signedOut("Logged out.");
    else say(reason(answer), true);
  });
});

/** Logs out several devices, and says so by `done`. */
function logOutDevices(body, done) {
  // Alone, as above; so not by `call`, which would wait for its turn to renew within this one.
  return alone(async () => {
    // Renewed first: the answer is 200 where the session has ended, too, and then nobody was logged out.
    const answer = (await renewInTurn()) ?? (await send("POST", "/auth/logout-all", body));
    if (answer.ok) done();
    // Without a session all is said already.
    else if (times()) say(reason(answer), true);
  });
}

onClick("logout-others", async () => {
  await logOutDevices({ keep_current: true }, () => say("All other devices are logged out."));
  if (times()) await showDevices();
});
onClick("logout-all", () => logOutDevices({ keep_current: false }, () => signedOut("Logged out on all devices.")));

// ---- Start -------------------------------------------------------------------------------------------------------------

setInterval(tick, 250);
document.addEventListener("visibilitychange", () => {
  // A page in the background is not woken on time, and a machine that slept not at all.
  if (!document.hidden) tick();
});
/** Another tab logged in, perhaps as somebody else, or out; or it renewed the token, which may have changed the rights. */
function changedElsewhere() {
  if (times()) signedIn();
  else if (who) signedOut("Logged out in another tab.");
}

window.addEventListener("storage", (event) => {
  if (event.key === KEY) changedElsewhere();
});
window.addEventListener("pageshow", (event) => {
  // The back button brings the page back as it was left, and what happened meanwhile was not heard.
  if (event.persisted) changedElsewhere();
});

if (times()) {
  await signedIn();
} else {
  // The feed answers guests too: asking it does not fail where there is no session.
  const feed = await send("GET", "/feed");
  if (feed.ok && feed.json.viewer !== "guest") {
    // Logged in, by a page that this one knows nothing of.
    noteIssued(0);
    await renew(true);
  } else {
    signedOut(feed.status === 0 ? reason(feed) : "");
  }
}
