//! `make install` and `make uninstall`.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use tempfile::TempDir;

use crate::channel::leave_out;

/// All files below a folder, relative to it.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for path in fs::read_dir(next).unwrap().map(|entry| entry.unwrap().path()) {
            match path.is_dir() {
                true => folders.push(path),
                false => found.push(path.strip_prefix(folder).unwrap().to_owned()),
            }
        }
    }
    found
}

fn make(target: &str, destination: &Path) -> Output {
    let mut make = Command::new("make");
    make.arg(target).arg("PREFIX=/opt/ftpd").arg(format!("DESTDIR={}", destination.display()));
    make.arg(concat!("BINARY=", env!("CARGO_BIN_EXE_ftpd")))
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .env_remove("MAKEFLAGS");
    let output = make.output().expect("make is installed");
    assert!(output.status.success(), "{output:?}");
    output
}

#[test]
fn install_brings_everything_and_uninstall_takes_it_away() {
    leave_out!(Explicit | Implicit: "the same without TLS");
    let folder = TempDir::new().unwrap();
    make("install", folder.path());
    let read = |name: &str| fs::read_to_string(folder.path().join("opt/ftpd").join(name)).expect(name);
    for (name, text) in [
        ("share/man/man1/ftpd.1", ".TH FTPD 1 "),
        ("share/man/man5/ftpd.conf.5", "\\fBpassive_ports\\fR"),
        ("share/man/man5/user.ini.5", "\\fBperm\\fR"),
        ("share/bash-completion/completions/ftpd", "complete -F _ftpd"),
        ("share/zsh/site-functions/_ftpd", "#compdef ftpd"),
        ("share/fish/vendor_completions.d/ftpd.fish", "complete -c ftpd"),
        ("lib/systemd/system/ftpd.service", "\nExecStart=/opt/ftpd/bin/ftpd -c "),
        ("lib/systemd/system/ftpd.socket", "[Socket]"),
        ("share/doc/ftpd/README.md", "# ftpd"),
        ("share/doc/ftpd/docs/user.ini.md", "| `perm` |"),
        ("share/doc/ftpd/examples/ftpd.conf", "[server]"),
        ("share/doc/ftpd/examples/user.ini", "[alex]"),
        ("share/doc/ftpd/examples/logrotate", "postrotate"),
        ("share/doc/ftpd/LICENSE", "Apache License"),
        ("share/doc/ftpd/LICENSE.crates", "\nrustls "),
    ] {
        assert!(read(name).contains(text), "{name} without {text}");
    }
    let program = Command::new(folder.path().join("opt/ftpd/bin/ftpd")).arg("--version").output().unwrap();
    assert_eq!(String::from_utf8_lossy(&program.stdout), concat!("ftpd ", env!("CARGO_PKG_VERSION"), "\n"));

    let of_another = folder.path().join("opt/ftpd/share/man/man1/other.1");
    fs::write(&of_another, "").unwrap();
    make("uninstall", folder.path());
    assert_eq!(files(folder.path()), [Path::new("opt/ftpd/share/man/man1/other.1")]);
    fs::remove_file(of_another).unwrap();
    make("uninstall", folder.path());
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "folders that install made are gone, too");
}
