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
    ($($template:ident)* ; $($script:ident)*) => {
        #[derive(Debug)]
        pub(super) struct Phrases {
            $(pub(super) $template: &'static str,)*
            $(pub(super) $script: &'static str,)*
        }

        impl Phrases {
            /// Each key of the script, with its text.
            pub(super) fn of_script(&self) -> impl Iterator<Item = (&'static str, &'static str)> {
                [$((stringify!($script), self.$script),)*].into_iter()
            }
        }
    };
}

// What is in braces, such as {name}, is put in by the script.
phrases! {
    // In the templates alone.
    root way size modified_utc zip empty log_out to_root tools upload upload_folder paste pictures filter needs_script cut
    uploads;
    // Also in the script, or there alone.
    name modified download log_in user password new_folder qr rename delete
    make cancel close choose_all choose_one chosen filtered bad_name exists delete_ask
    delete_folders cut_done done refused lost busy busy_file session_over wrong_login drop_here
    no_folders unreadable progress unfinished left of finishing uploaded paused again_in choose_again
    choose_file another_file pause go_on pause_all go_on_all cancel_all clear all_done some_failed replace_ask
    replace skip old new same for_all viewer previous next not_shown
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The keys that the script names: t("key"), and those of its lists of buttons.
    fn keys_of_script() -> Vec<&'static str> {
        let script = include_str!("app.js");
        let called = script
            .split("t(\"")
            .skip(1)
            .zip(script.split("t(\""))
            .filter(|(_, before)| !before.ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == '.'));
        let called = called.filter_map(|(after, _)| after.split_once('"')).map(|(key, _)| key);
        let listed = script.split("...[\"").skip(1).filter_map(|after| after.split_once(']'));
        let listed = listed.flat_map(|(list, _)| list.split(',').map(|word| word.trim().trim_matches('"')));
        called.chain(listed).chain(["wrong_login", "lost"]).collect()
    }

    #[test]
    fn the_script_has_each_phrase_that_it_names_and_no_other() {
        let mut named = keys_of_script();
        named.sort_unstable();
        named.dedup();
        for phrases in [&ENGLISH, &CHINESE] {
            let mut given: Vec<&str> = phrases.of_script().map(|(key, _)| key).collect();
            given.sort_unstable();
            assert_eq!(given, named);
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
