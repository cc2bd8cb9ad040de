//! What the page says, in each language: a file below strings/ for each.
//!
//! A file without a key, or with one too many, does not compile, and neither does a template that uses one that isn't
//! there. The script gets all of them from the page; a test compares its keys.

mod chinese;
mod english;

pub(super) use chinese::CHINESE;
pub(super) use english::ENGLISH;

/// Declares [`Phrases`]: a field for each key.
macro_rules! phrases {
    ($($key:ident)*) => {
        #[derive(Debug)]
        pub(super) struct Phrases {
            $(pub(super) $key: &'static str,)*
        }

        impl Phrases {
            /// Each key with its text.
            pub(super) fn pairs(&self) -> impl Iterator<Item = (&'static str, &'static str)> {
                [$((stringify!($key), self.$key),)*].into_iter()
            }
        }
    };
}

// What is in braces, such as {name}, is put in by the script.
phrases! {
    // On every page, also without the script.
    root way name size modified download zip empty log_in log_out user password to_root
    tools upload upload_folder new_folder paste pictures qr filter needs_script rename cut delete choose_none
}
