
// ---- Telling and asking ----

let toldUntil;
/** Says something at the foot of the page; what went wrong stays longer. */
function tell(text, bad = false) {
  const status = $("#status");
  status.textContent = text;
  status.classList.toggle("bad", bad);
  clearTimeout(toldUntil);
  toldUntil = setTimeout(() => { status.textContent = ""; }, bad ? 15000 : 5000);
}

/** Opens a dialog; gives the value of its button, "" for Escape. Buttons: [value, text, class]. */
function openDialog(title, content, buttons, action) {
  const why = el("p", { className: "refused", role: "alert", hidden: true });
  const row = buttons.map(([value, text, kind = ""]) => el("button", { value, className: kind, formNoValidate: value === "" }, text));
  const form = el("form", { method: "dialog" }, el("h2", {}, title), ...content, why, el("p", { className: "buttons" }, ...row));
  const box = el("dialog", { "aria-label": title }, form);
  // If its action fails, the dialog stays and says why.
  form.addEventListener("submit", async (event) => {
    const { value } = event.submitter;
    if (!action || !value) return;
    event.preventDefault();
    row[0].disabled = true;
    const failed = await whyNot(action);
    row[0].disabled = false;
    if (!failed) return box.close(value);
    Object.assign(why, { textContent: failed, hidden: false });
    $("[autofocus]", form).focus();
  });
  document.body.append(box);
  box.showModal();
  return new Promise((resolve) => {
    box.addEventListener("close", () => { box.remove(); resolve(box.returnValue); });
  });
}

let asked = Promise.resolve();
/** The same, after the questions before it: nobody types into one that comes up over another. */
function ask(...question) {
  asked = asked.then(() => openDialog(...question));
  return asked;
}

const cancel = () => ["", t("cancel")];

/** Asks for a name, for an action. */
function askName(title, value, verb, action) {
  const input = el("input", { value, required: true, autofocus: true, autocomplete: "off", spellcheck: false, "aria-label": t("name") });
  input.addEventListener("input", () =>
    input.setCustomValidity(/\/|\0/.test(input.value) || [".", ".."].includes(input.value) ? t("bad_name") : ""));
  const dot = value.lastIndexOf(".");
  input.addEventListener("focus", () => input.setSelectionRange(0, dot > 0 ? dot : value.length), { once: true });
  return ask(title, [input], [["yes", verb, "first"], cancel()], () => action(input.value));
}
