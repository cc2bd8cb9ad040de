//! What the page says, in each language: a file below strings/ for each.
//!
//! A file without a key, or with one too many, does not compile, and neither does a template that uses one that isn't
//! there. The script gets all of them from the page; a test compares its keys.

mod chinese;
mod english;

pub(super) use chinese::CHINESE;
pub(super) use english::ENGLISH;

/// Declares [`Phrases`]: a field for each key, of the templates and of the script.
macro_rules! phrases {
    ($($template:ident)* ; $($script:ident)* ; $($status:literal $word:ident)*) => {
        #[derive(Debug)]
        pub(super) struct Phrases {
            $(pub(super) $template: &'static str,)*
            $(pub(super) $script: &'static str,)*
            $(pub(super) $word: &'static str,)*
        }

        impl Phrases {
            /// Each key of the script, with its text.
            pub(super) fn of_script(&self) -> impl Iterator<Item = (&'static str, &'static str)> {
                let named = [$((stringify!($script), self.$script),)*];
                let words = [$((concat!("s", $status), self.$word),)*];
                named.into_iter().chain(words)
            }

            /// What the status of a refusal means, in a word or two.
            fn word(&self, status: u16) -> Option<&'static str> {
                match status {
                    $($status => Some(self.$word),)*
                    _ => None,
                }
            }
        }
    };
}

// What is in braces, such as {name}, is put in by the script.
phrases! {
    // In the templates alone.
    root way size modified_utc zip log_out to_root tools upload upload_folder paste pictures filter needs_script cut
    uploads;
    // Also in the script, or there alone.
    empty name modified download log_in user password new_folder qr rename delete
    make cancel close choose_all choose_one chosen filtered no_match bad_name delete_ask
    delete_folders cut_done done refused why lost session_over wrong_login drop_here twice
    no_folders unreadable progress unfinished left of finishing uploaded paused again_in choose_again
    choose_file another_file pause go_on pause_all go_on_all cancel_all clear all_done some_failed replace_ask
    replace skip old new same for_all viewer previous next not_shown;
    // By the status of a refusal; the script has them as s403 and so on.
    400 bad_request
    401 not_logged_in
    403 not_allowed
    404 gone
    405 there
    409 conflict
    412 exists
    413 too_large
    423 in_use
    429 too_often
    503 busy
    507 no_room
}

impl Phrases {
    /// Why something was refused: the server's sentence, which is English, after a word that is not.
    pub(super) fn refusal(&self, status: u16, sentence: &str) -> String {
        match self.word(status) {
            Some(word) => self.why.replace("{word}", word).replace("{sentence}", sentence),
            None => sentence.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_script_has_each_phrase_that_it_names_and_no_other() {
        let script = super::super::assets::SCRIPT;
        let texts = ENGLISH.of_script().collect::<Vec<_>>();
        for called in script.split("t(\"").skip(1).zip(script.split("t(\"")) {
            let (Some((key, _)), before) = (called.0.split_once('"'), called.1) else { continue };
            let is_other = before.ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == '.');
            assert!(is_other || texts.iter().any(|(known, _)| *known == key), "t(\"{key}\")");
        }
        let by_status = |key: &str| key.starts_with('s') && key[1..].parse::<u16>().is_ok();
        for (key, text) in texts {
            assert!(by_status(key) || script.contains(&format!("\"{key}\"")), "{key}: {text}");
            assert!(!text.contains('\n'), "{key}: {text}");
        }
    }

    #[test]
    fn all_languages_have_the_same_braces() {
        let braces = |text: &str| {
            let mut names: Vec<String> =
                text.split('{').skip(1).filter_map(|rest| Some(rest.split_once('}')?.0.to_owned())).collect();
            names.sort();
            names
        };
        for ((key, english), (_, chinese)) in ENGLISH.of_script().zip(CHINESE.of_script()) {
            assert!(!english.is_empty() && !chinese.is_empty(), "{key}");
            assert_eq!(braces(english), braces(chinese), "{key}");
        }
    }
}
