//! English.

use super::Phrases;

pub(in super::super) const ENGLISH: Phrases = Phrases {
    root: "Files",
    way: "Folders on the way",
    name: "Name",
    size: "Size",
    modified: "Modified",
    download: "Download",
    zip: "Download as zip",
    empty: "This folder is empty.",
    log_in: "Log in",
    log_out: "Log out",
    user: "User name",
    password: "Password",
    to_root: "Go to the first page",
    tools: "Actions",
    upload: "Upload files",
    upload_folder: "Upload a folder",
    new_folder: "New folder",
    paste: "Paste",
    pictures: "Pictures",
    qr: "QR code",
    filter: "Filter",
    needs_script: "Uploads need JavaScript.",
    rename: "Rename",
    cut: "Cut",
    delete: "Delete",
    choose_none: "Cancel",
};
