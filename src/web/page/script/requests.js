
// ---- Requests ----

/** What went wrong, in a sentence. */
class Failure extends Error {}
/** It is worth another try, `after` seconds. */
class Lost extends Failure {
  constructor(text, after = 0) { super(text); this.after = after; }
}
const lost = () => { throw new Lost(t("lost")); };

/** Why an action failed; undefined if it did not. */
async function whyNot(action) {
  try { await action(); } catch (error) {
    if (error instanceof Failure) return error.message;
    // The browser's own errors are about files that it can't read.
    if (error instanceof DOMException) return t("unreadable");
    throw error;
  }
}

async function attempt(action) {
  const failed = await whyNot(action);
  if (failed) tell(failed, true);
}

/** What a refusal says: a word in the page's language, and the server's sentence. */
async function explain(reply) {
  const { status } = reply, word = phrases[`s${status}`];
  // Something between here and the server may have its own words.
  const sentence = (await reply.json().catch(() => ({}))).error;
  return word && sentence ? t("why", { word, sentence }) : sentence ?? word ?? t("refused", { status });
}

/** Throws what a refusal means: another try later, or the end. */
async function refuse(reply) {
  const Kind = [408, 423, 429, 502, 503, 504].includes(reply.status) ? Lost : Failure;
  throw new Kind(await explain(reply), retryAfter(reply));
}

const retryAfter = ({ headers }) => Number(headers.get("Retry-After"));
const wait = (seconds) => new Promise((resolve) => {
  const done = () => { clearTimeout(timer); removeEventListener("online", done); resolve(); };
  const timer = setTimeout(done, seconds * 1000);
  addEventListener("online", done);
});

/** A request without a body; asks for a login and waits for a busy server, if it must. */
async function request(method, href, headers = {}) {
  for (let tries = 0; ; tries++) {
    const all = { Accept: "application/json", ...headers };
    const reply = await fetch(href, { method, headers: all, cache: "no-store" }).catch(lost);
    if (await isLoggedOut(reply.status)) await logIn();
    else if (reply.status === 503 && tries < 5) await wait(retryAfter(reply) || 2);
    else return reply;
  }
}

/** The same, which has to succeed. */
async function act(method, href, headers = {}, alsoGood = []) {
  const reply = await request(method, href, headers);
  if (reply.ok || alsoGood.includes(reply.status)) return reply;
  return refuse(reply);
}

/** The account that the page is for; "" for anonymous. */
const account = (body = document.body) => body.dataset.account;

/** Whether a refusal is because the session is over; where anonymous may come in, that is no 401. */
async function isLoggedOut(status) {
  if (status !== 403 || !account()) return status === 401;
  const reply = await fetch(here(), { headers: { Accept: "text/html" } }).catch(() => null);
  return reply !== null && account(parse(await reply.text()).body) !== account();
}

/** A document of its own, in which nothing runs; the server has escaped what it is made of. */
const parse = (html) => new DOMParser().parseFromString(html, "text/html");

let loggingIn;
/** Asks for name and password over the page, which keeps its uploads. */
function logIn() {
  loggingIn ??= askLogin().finally(() => { loggingIn = undefined; });
  return loggingIn;
}

async function askLogin() {
  const user = el("input", { value: account() ?? "", autocomplete: "username", required: true });
  const password = el("input", { type: "password", autocomplete: "current-password", autofocus: true });
  const content = [el("p", {}, t("session_over")), el("label", {}, t("user"), user), el("label", {}, t("password"), password)];
  // Over any other dialog: what that one does may be what needs the login.
  const answer = await openDialog(t("log_in"), content, [["yes", t("log_in"), "first"], cancel()], async () => {
    const body = new URLSearchParams({ user: user.value, password: password.value, next: here() });
    password.value = "";
    const reply = await fetch("/~ftpd/login", { method: "POST", body, redirect: "manual" }).catch(lost);
    // A login leads on, and only that.
    if (reply.type === "opaqueredirect") return;
    throw new Failure(reply.status === 401 ? t("wrong_login") : await explain(reply));
  });
  if (answer) return;
  // Or each file that waits would ask again, and so would the list when none is left.
  queue.wasActive = false;
  queue.all("pause");
  throw new Failure(t("session_over"));
}
