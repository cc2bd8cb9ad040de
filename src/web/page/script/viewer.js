// ---- Pictures ----

function showTiles(on) {
  $("#list").classList.toggle("tiles", on);
  $("#grid").setAttribute("aria-pressed", on);
  if (!on) return;
  for (const row of rows()) {
    if (row.dataset.kind !== "image" || $("img", row) || !isViewable(row)) continue;
    link(row).prepend(el("img", { loading: "lazy", decoding: "async", alt: "", src: hrefOf(row) }));
  }
}

/** Shows pictures, video and audio over the whole window; going back in the browser closes it. */
function view(row) {
  const list = rows().filter((other) => !other.hidden && isViewable(other));
  let at = list.indexOf(row);
  const name = el("b"), count = el("span"), figure = el("figure"), down = el("a", { className: "button" }, t("download"));
  const button = (text, label, className, onclick) => el("button", { type: "button", className, "aria-label": label, title: label, onclick }, text);
  const turn = (step) => draw((at + step + list.length) % list.length);
  const head = el("div", { className: "head" }, name, count, down, button("✕", t("close"), "", () => box.close()));
  const box = el("dialog", { className: "viewer", "aria-label": t("viewer") }, head, figure);
  let media = el("p");
  const place = (other) => { media.replaceWith(other); media = other; };
  figure.append(media);
  if (list.length > 1) figure.append(button("‹", t("previous"), "back", () => turn(-1)), button("›", t("next"), "on", () => turn(1)));

  function draw(index) {
    at = index;
    const current = list[at], src = hrefOf(current), kind = current.dataset.kind;
    name.replaceChildren(el("bdi", {}, textOf(current)));
    count.textContent = list.length > 1 ? `${at + 1} / ${list.length}` : "";
    down.href = `${src}?download`;
    const fresh = kind === "image" ? el("img", { src, alt: textOf(current) }) : el(kind, { src, controls: true, autoplay: true });
    fresh.addEventListener("error", () => { if (fresh === media) place(el("p", {}, t("not_shown"))); });
    place(fresh);
  }

  // In a film, the arrows seek.
  box.addEventListener("keydown", ({ key, target }) => {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[key];
    if (step && !target.matches("video, audio")) turn(step);
  });
  let start;
  figure.addEventListener("touchstart", ({ touches }) => { start = touches.length === 1 ? touches[0].clientX : NaN; }, { passive: true });
  figure.addEventListener("touchend", ({ changedTouches, target }) => {
    const moved = changedTouches[0].clientX - start;
    if (Math.abs(moved) > 60 && !target.matches("video, audio")) turn(-Math.sign(moved));
  });
  const back = () => box.close();
  box.addEventListener("close", () => {
    removeEventListener("popstate", back);
    box.remove();
    if (history.state?.viewer) history.back();
    link(list[at]).focus();
  });
  document.body.append(box);
  draw(at);
  history.pushState({ viewer: true }, "");
  addEventListener("popstate", back);
  box.showModal();
}

function showQr(href) {
  ask(t("qr"), [el("img", { src: href, alt: t("qr"), className: "qr" }), el("p", {}, location.origin + here())], [["", t("close")]]);
}

