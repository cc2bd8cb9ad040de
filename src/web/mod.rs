//! The share in a browser: the second door, beside `session`.

pub mod page;
