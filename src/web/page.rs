//! The page that browsers show: plain values become HTML here, and nothing else does.
//!
//! The templates are Rust ([`maud`]), which escapes every value, and quotes every attribute. A folder is written in
//! pieces, [`begin`], a [`row`] for each entry and [`end`], so that a large one is never held in memory. The page works
//! without its script, which offers the rest (uploads, changes, pictures); it gets its texts and its data from the
//! page's elements alone, so that no script is ever made of what a client said.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use crate::auth::perm::{Perm, Perms};

pub mod assets;
pub mod language;
mod row;
mod shown;
mod strings;

use language::Language;
pub use row::{Row, row};
use shown::shown;
use strings::Phrases;

/// A folder as its page shows it.
#[derive(Debug)]
pub struct FolderPage<'a> {
    /// The language of its texts.
    pub language: Language,
    /// The folders on the way, from the first one below `/` to this one; none for `/`.
    pub crumbs: &'a [Crumb],
    /// What the rows are sorted by.
    pub sorted: SortedBy,
    /// Whether the last comes first.
    pub descending: bool,
    /// Who looks at it.
    pub reader: PageReader<'a>,
    /// The letters that hold for the folder.
    pub letters: Perms,
}

/// A folder on the way to another.
#[derive(Debug, Clone)]
pub struct Crumb {
    /// Its name, as the disk has it.
    pub name: Vec<u8>,
    /// Its path, percent-encoded, from `/` to a final `/`.
    pub href: String,
}

/// What the rows of a folder are sorted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SortedBy {
    /// The name; folders are first in any case.
    Name,
    /// The size in bytes.
    Size,
    /// The time of the last change.
    Time,
}

/// The form that asks for name and password.
#[derive(Debug)]
pub struct LoginPage<'a> {
    /// The language of its texts.
    pub language: Language,
    /// Where the browser goes after the login: a percent-encoded path of this server.
    pub next: &'a str,
    /// Why the last try was refused, in one sentence; `None` before the first.
    pub refused: Option<&'a str>,
}

/// What is shown instead of a file or a folder.
#[derive(Debug)]
pub struct ErrorPage<'a> {
    /// The language of its texts.
    pub language: Language,
    /// The status code of the reply.
    pub status: u16,
    /// Why, in one sentence, as FTP says it.
    pub sentence: &'a str,
    /// Who looks at it.
    pub reader: PageReader<'a>,
    /// Where a login leads back to: a percent-encoded path of this server.
    pub next: &'a str,
}

/// Who looks at a page.
#[derive(Debug, Clone, Copy)]
pub enum PageReader<'a> {
    /// An account, which may log out.
    Account(&'a str),
    /// Anonymous, or nobody, who may have an account to log in with.
    Stranger,
    /// The same, where there is no account to log in with.
    Guest,
}

/// Appends what comes before the rows of a folder.
pub fn begin(page: &FolderPage, out: &mut Vec<u8>) {
    let phrases = page.language.phrases();
    let title = page.crumbs.last().map_or(phrases.root.into(), |crumb| shown(&crumb.name));
    let head = html! {
        (head(page.language, &title, true))
        // The tags left open are closed by `end`.
        (PreEscaped("<body"))
        (PreEscaped(attribute("data-letters", &page.letters.to_string())))
        (PreEscaped(attribute("data-account", page.reader.account().unwrap_or_default())))
        (PreEscaped(attribute("data-phrases", &lines(phrases.of_script()))))
        (PreEscaped(">"))
        header {
            (crumbs(page, phrases))
            (visitor(phrases, page.reader, page.href()))
        }
        (PreEscaped("<main>"))
        (tools(page, phrases))
        section #queue hidden aria-label=(phrases.uploads) {}
        (PreEscaped("<table id=\"list\">"))
        thead { tr {
            (column(page, SortedBy::Name, phrases.name))
            (column(page, SortedBy::Size, phrases.size))
            (column(page, SortedBy::Time, phrases.modified_utc))
            th scope="col" .get aria-label=(phrases.download) {}
        } }
        (PreEscaped("<tbody>"))
    };
    append(out, head);
}

/// key=text, a line for each.
fn lines<'p>(phrases: impl Iterator<Item = (&'p str, &'p str)>) -> String {
    phrases.map(|(key, text)| format!("{key}={text}\n")).collect()
}

/// Appends what comes after the rows of a folder.
pub fn end(page: &FolderPage, out: &mut Vec<u8>) {
    let phrases = page.language.phrases();
    let foot = html! {
        (PreEscaped("</tbody></table>"))
        p .empty { (phrases.empty) }
        (PreEscaped("</main>"))
        p #status role="status" {}
        (PreEscaped("</body></html>"))
    };
    append(out, foot);
}

/// Appends the page of a login.
pub fn login(page: &LoginPage, out: &mut Vec<u8>) {
    let phrases = page.language.phrases();
    let markup = html! {
        (head(page.language, phrases.log_in, false))
        body .alone {
            main {
                h1 { (phrases.log_in) }
                @if let Some(sentence) = page.refused { p .refused role="alert" { (phrases.refusal(401, sentence)) } }
                form .login method="post" action="/~ftpd/login" {
                    input type="hidden" name="next" value=(page.next);
                    label { span { (phrases.user) }
                        input name="user" autocomplete="username" autocapitalize="none" spellcheck="false" required autofocus; }
                    label { span { (phrases.password) }
                        input name="password" type="password" autocomplete="current-password"; }
                    button .first { (phrases.log_in) }
                }
            }
        }
        (PreEscaped("</html>"))
    };
    append(out, markup);
}

/// Appends the page of an error.
pub fn error(page: &ErrorPage, out: &mut Vec<u8>) {
    let phrases = page.language.phrases();
    let markup = html! {
        (head(page.language, page.sentence, false))
        body .alone {
            main {
                h1 { (page.status) }
                p { (phrases.refusal(page.status, page.sentence)) }
                p { a .button href="/" { (phrases.to_root) } }
                (visitor(phrases, page.reader, page.next))
            }
        }
        (PreEscaped("</html>"))
    };
    append(out, markup);
}

impl<'a> PageReader<'a> {
    fn account(self) -> Option<&'a str> {
        if let Self::Account(name) = self { Some(name) } else { None }
    }
}

impl FolderPage<'_> {
    /// The folder's own path.
    fn href(&self) -> &str {
        self.crumbs.last().map_or("/", |crumb| &crumb.href)
    }
}

/// Up to the body, which the caller opens; `<html>` stays open, too.
fn head(language: Language, title: &str, script: bool) -> Markup {
    html! {
        (DOCTYPE)
        (PreEscaped("<html"))(PreEscaped(attribute("lang", language.tag())))(PreEscaped(">"))
        head {
            meta charset="utf-8";
            meta name="viewport" content="width=device-width, initial-scale=1";
            meta name="color-scheme" content="light dark";
            title { (title) }
            link rel="icon" type="image/svg+xml" href=(assets::href("icon.svg"));
            link rel="stylesheet" href=(assets::href("style.css"));
            @if script { script type="module" src=(assets::href("app.js")) {} }
        }
    }
}

/// An attribute of a tag that is written by hand, with a blank in front.
fn attribute(name: &str, value: &str) -> String {
    format!(" {name}=\"{}\"", html!((value)).into_string())
}

fn crumbs(page: &FolderPage, phrases: &Phrases) -> Markup {
    let last = page.crumbs.len().checked_sub(1);
    html! {
        nav aria-label=(phrases.way) { ol .crumbs {
            li { a href="/" aria-current=[last.is_none().then_some("page")] { (phrases.root) } }
            @for (index, crumb) in page.crumbs.iter().enumerate() {
                li { a href=(crumb.href) aria-current=[(Some(index) == last).then_some("page")] {
                    bdi { (shown(&crumb.name)) }
                } }
            }
        } }
    }
}

/// Who is logged in, and the way out or in.
fn visitor(phrases: &Phrases, reader: PageReader, next: &str) -> Markup {
    html! {
        @match reader {
            PageReader::Account(account) => form .visitor method="post" action="/~ftpd/logout" {
                bdi { (shown(account.as_bytes())) }
                button { (phrases.log_out) }
            },
            PageReader::Stranger => p .visitor { a .button href={ "/~ftpd/login?next=" (query(next)) } { (phrases.log_in) } },
            PageReader::Guest => {},
        }
    }
}

/// A percent-encoded path as the value of a query: what would end or change it is encoded once more.
fn query(path: &str) -> String {
    path.replace('%', "%25").replace('&', "%26").replace('+', "%2B").replace('#', "%23")
}

/// What can be done with the folder: all but the links needs the script, which shows it.
fn tools(page: &FolderPage, phrases: &Phrases) -> Markup {
    let may = |perm| page.letters.has(perm);
    html! {
        div #tools .tools role="group" aria-label=(phrases.tools) {
            @if may(Perm::Write) {
                button #choose .first hidden { (phrases.upload) }
                @if may(Perm::MakeDir) { button #choose-folder hidden { (phrases.upload_folder) } }
                noscript { (phrases.needs_script) }
            }
            @if may(Perm::MakeDir) { button #make-folder hidden { (phrases.new_folder) } }
            button #paste hidden { (phrases.paste) }
            @if may(Perm::List) && may(Perm::Read) { a .button #zip href="?zip" { (phrases.zip) } }
            button #grid hidden aria-pressed="false" { (phrases.pictures) }
            a .button #qr href={ "/~ftpd/qr.svg?path=" (query(page.href())) } { (phrases.qr) }
            input #filter hidden type="search" autocomplete="off" aria-label=(phrases.filter) placeholder=(phrases.filter);
        }
        div #chosen .tools hidden role="group" aria-label=(phrases.tools) {
            output {}
            button #rename { (phrases.rename) }
            button #cut { (phrases.cut) }
            button #delete { (phrases.delete) }
            button #choose-none { (phrases.cancel) }
        }
    }
}

/// The head of a column: a link that sorts by it, and the other way round if it is sorted by it already.
fn column(page: &FolderPage, by: SortedBy, title: &str) -> Markup {
    let (key, class) = match by {
        SortedBy::Name => ("name", "name"),
        SortedBy::Size => ("size", "size"),
        SortedBy::Time => ("time", "time"),
    };
    let is_it = page.sorted == by;
    let sorted = if page.descending { "descending" } else { "ascending" };
    let next = if is_it && !page.descending { "desc" } else { "asc" };
    html! {
        th scope="col" class=(class) aria-sort=[is_it.then_some(sorted)] {
            a data-sort=(key) href={ "?sort=" (key) "&order=" (next) } { (title) }
        }
    }
}

fn append(out: &mut Vec<u8>, markup: Markup) {
    out.extend_from_slice(markup.into_string().as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOSTILE: &str = "<script>alert('1')</script>\"onload=\"x & y";

    fn text(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).unwrap()
    }

    fn folder(crumbs: &[Crumb], letters: &str, reader: PageReader) -> String {
        let page = FolderPage {
            language: Language::English,
            crumbs,
            sorted: SortedBy::Size,
            descending: true,
            reader,
            letters: letters.parse().unwrap(),
        };
        let rows = [("sub", true), (HOSTILE, false), ("photo.JPG", false)];
        text(|out| {
            begin(&page, out);
            for (name, is_folder) in rows {
                let row_of = Row {
                    name: name.as_bytes(),
                    href: if is_folder { "/sub/" } else { "/a%22%3C" },
                    is_folder,
                    size: 2048,
                    modified: 1_732_269_600,
                    letters: letters.parse().unwrap(),
                };
                row(page.language, &row_of, out);
            }
            end(&page, out);
        })
    }

    fn assert_harmless(page: &str) {
        assert!(page.starts_with("<!DOCTYPE html><html lang=\"en\">") && page.ends_with("</html>"), "{page}");
        assert!(page.contains("&lt;script&gt;"), "{page}");
        for wrong in ["<script>", "\"onload", "style="] {
            assert!(!page.contains(wrong), "{wrong}: {page}");
        }
    }

    #[test]
    fn names_and_sentences_stay_text() {
        let crumbs = [Crumb { name: HOSTILE.into(), href: "/x%22/".into() }];
        assert_harmless(&folder(&crumbs, "elradfmwMT", PageReader::Account(HOSTILE)));
        let language = Language::English;
        assert_harmless(&text(|out| login(&LoginPage { language, next: HOSTILE, refused: Some(HOSTILE) }, out)));
        for reader in [PageReader::Account(HOSTILE), PageReader::Stranger] {
            let page = ErrorPage { language, status: 404, sentence: HOSTILE, reader, next: HOSTILE };
            assert_harmless(&text(|out| error(&page, out)));
        }
    }

    #[test]
    fn what_the_letters_forbid_is_not_offered() {
        let all = folder(&[], "elradfmwMT", PageReader::Stranger);
        for (letters, missing) in [
            ("elradfmMT", &["id=\"choose\"", "id=\"choose-folder\""][..]),
            ("elradfwMT", &["id=\"choose-folder\"", "id=\"make-folder\""]),
            ("elwm", &["id=\"zip\"", "?download", " href=\"/a%22"]),
            ("er", &["id=\"zip\"", "?zip", " href=\"/sub/\""]),
        ] {
            let some = folder(&[], letters, PageReader::Stranger);
            for tool in missing {
                assert!(all.contains(tool), "{tool}");
                assert!(!some.contains(tool), "{letters}: {tool}");
            }
        }
    }

    #[test]
    fn links_sort_the_other_way_round_lead_up_and_in() {
        let crumbs =
            [("a&b", "/a&b/"), ("c", "/a&b/c/")].map(|(name, href)| Crumb { name: name.into(), href: href.into() });
        let page = folder(&crumbs, "elr", PageReader::Stranger);
        for expected in [
            "aria-sort=\"descending\"><a data-sort=\"size\" href=\"?sort=size&amp;order=asc\"",
            "href=\"?sort=name&amp;order=asc\"",
            "<title>c</title>",
            "<a href=\"/\">Files</a>",
            "<a href=\"/a&amp;b/c/\" aria-current=\"page\"><bdi>c</bdi>",
            "/~ftpd/login?next=/a%26b/c/",
            "data-kind=\"folder\"",
            "data-kind=\"image\"",
            "2.0 KB",
            "2024-11-22 10:00",
        ] {
            assert!(page.contains(expected), "{expected}: {page}");
        }
        assert!(folder(&crumbs, "elr", PageReader::Account("bob")).contains("action=\"/~ftpd/logout\""));
        assert!(!folder(&crumbs, "elr", PageReader::Guest).contains("/~ftpd/log"));
    }

    #[test]
    fn a_page_with_its_files_stays_small() {
        let files: usize = ["app.js", "style.css", "icon.svg"]
            .iter()
            .map(|name| assets::find(&assets::href(name)).unwrap().bytes.len())
            .sum();
        let page = folder(&[], "elradfmwMT", PageReader::Stranger).len();
        assert!(files + page < 60 * 1024, "{files} + {page} bytes");
    }
}
