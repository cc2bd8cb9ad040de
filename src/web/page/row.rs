//! A row of a folder's page.

use maud::html;

use super::append;
use super::language::Language;
use super::shown::{self, shown};
use crate::auth::perm::{Perm, Perms};
use crate::web::media::Media;

/// An entry of a folder, as its row shows it.
#[derive(Debug)]
pub struct Row<'a> {
    /// Its name, as the disk has it.
    pub name: &'a [u8],
    /// Its path, percent-encoded, from `/`; a folder's ends with `/`.
    pub href: &'a str,
    /// Whether it is a folder.
    pub is_folder: bool,
    /// Its size in bytes; a folder's is not shown.
    pub size: u64,
    /// The time of its last change, in seconds since 1970.
    pub modified: i64,
    /// The letters that hold for it.
    pub letters: Perms,
}

/// Appends the row of an entry.
pub fn row(language: Language, row: &Row, out: &mut Vec<u8>) {
    let phrases = language.phrases();
    let name = shown(row.name);
    let (query, verb) = if row.is_folder { ("?zip", phrases.zip) } else { ("?download", phrases.download) };
    let may = |perm| row.letters.has(perm);
    let has_bytes = may(Perm::Read) && (!row.is_folder || may(Perm::List));
    let leads_on = if row.is_folder { may(Perm::List) } else { may(Perm::Read) };
    let markup = html! {
        tr data-kind=(kind(row)) data-letters=(row.letters) data-size=(row.size) data-time=(row.modified) {
            td .name { a href=[leads_on.then_some(row.href)] data-href=[(!leads_on).then_some(row.href)] { bdi { (name) } } }
            td .size { @if !row.is_folder { (shown::size(row.size)) } }
            td .time { (shown::time(row.modified)) }
            td .get { @if has_bytes { a href={ (row.href) (query) } title=(verb) aria-label=(verb) {} } }
        }
    };
    append(out, markup);
}

/// What an entry is by its name, as style sheet and script know it: for its icon, and for the viewer.
fn kind(row: &Row) -> &'static str {
    if row.is_folder {
        return "folder";
    }
    Media::kind(row.name).unwrap_or("other")
}
