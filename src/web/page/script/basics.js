// What the page can do beyond links and forms: uploads, changes, pictures. The files of this folder are joined to one
// script, in the order of assets.rs.
//
// Texts come from data-phrases of the page, everything else from its rows. Names become text nodes, never HTML.
// The server decides what is allowed; the letters only say what is worth offering.

const $ = (selector, within = document) => within.querySelector(selector);
const $$ = (selector, within = document) => [...within.querySelectorAll(selector)];

/** An element with properties (attributes, if they have a hyphen) and children: elements or text. */
function el(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [key, value] of Object.entries(properties)) {
    if (key.includes("-")) element.setAttribute(key, value);
    else element[key] = value;
  }
  element.append(...children);
  return element;
}

/** What the browser keeps for the page; nothing, if it was told to keep nothing. */
const kept = (() => {
  try { return localStorage; } catch { return { getItem: () => null, setItem() {}, removeItem() {} }; }
})();

/** key=text, a line for each. */
const phrases = Object.fromEntries(document.body.dataset.phrases.split("\n").map((line) => line.split(/=(.*)/)));
/** A phrase, with what belongs into its braces. */
const t = (key, values = {}) => phrases[key].replace(/\{(\w+)\}/g, (_, name) => values[name]);

// ---- Names, sizes, times: the same rules as in shown.rs ----

const shown = (name) => name
  .replace(/[\0-\x1f]/g, (c) => String.fromCharCode(0x2400 + c.charCodeAt(0)))
  .replace(/\x7f/g, "\u2421")
  .replace(/[\x80-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g, (c) => `⟨U+${hex(c).padStart(4, "0")}⟩`);

const hex = (c) => c.charCodeAt(0).toString(16).toUpperCase();

function size(bytes) {
  if (bytes < 1024) return `${Math.floor(bytes)} B`;
  const unit = Math.floor(Math.log2(bytes) / 10);
  const tenths = Math.floor(bytes / 1024 ** unit * 10);
  return `${tenths < 100 ? (tenths / 10).toFixed(1) : Math.floor(tenths / 10)} ${"KMGTPE"[unit - 1]}B`;
}

/** Swedes write 2024-11-22 10:00. */
const clock = new Intl.DateTimeFormat("sv", { dateStyle: "short", timeStyle: "short" });
const when = (seconds) => clock.format(seconds * 1000);

function span(seconds) {
  const s = Math.max(1, Math.round(seconds));
  if (s < 100) return `${s} s`;
  return s < 6000 ? `${Math.round(s / 60)} min` : `${Math.floor(s / 3600)} h ${String(Math.floor(s / 60) % 60).padStart(2, "0")}`;
}

/** A name as the component of a link, as the server encodes it: two spellings of one path would be two files here. */
const encode = (name) => encodeURIComponent(name.toWellFormed?.() ?? name).replace(/[!'()*]/g, (c) => `%${hex(c)}`);
/** The last name of an encoded path; as it is if that is not UTF-8. */
function nameOf(href) {
  const last = href.replace(/\/$/, "").split("/").pop();
  try { return decodeURIComponent(last); } catch { return last; }
}
const namesBelow = (href) => href.slice(here().length).split("/").map(nameOf);
const parentOf = (href) => href.replace(/[^/]*\/?$/, "");
/** The folder that the page shows. */
const here = () => $(".crumbs [aria-current]").getAttribute("href");
