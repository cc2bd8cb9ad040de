//! No destination climbs or leads to another host, every one has a link that leads to it, and the login form's `next` too.
#![no_main]

use ftpd::protocol::{
    http::{destination::parse, form::LoginForm, host::Authority, target::RequestTarget},
    path::has_control_bytes,
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|value: &[u8]| {
    let own = Authority::parse(b"nas:8080").expect("a host");
    if let Ok(target) = parse(value, Some(&own)) {
        expect_sound(&target);
        assert!(target.query.is_empty());
        assert!(target.authority.as_ref().is_none_or(|authority| *authority == own));
    }
    if let Ok(target) = parse(value, None) {
        assert_eq!(target.authority, None);
    }
    if let Ok(form) = LoginForm::parse(value) {
        expect_sound(&form.next);
        assert_eq!(form.next.authority, None);
        if let Some(credentials) = form.credentials {
            assert!(!has_control_bytes(&credentials.user) && !has_control_bytes(&credentials.password.0));
        }
    }
});

fn expect_sound(target: &RequestTarget) {
    let path = &target.path;
    assert!(!has_control_bytes(path.as_bytes()));
    assert!(path.is_root() || !path.has_component(|name| matches!(name, b"" | b"." | b"..")));
    let link = target.href();
    assert!(link.starts_with('/') && !link.starts_with("//") && !link.contains(['\\', '"', '<', '>', '\'', '#']));
    let again = RequestTarget::local(link.as_bytes()).expect("a link");
    assert_eq!((&again.path, again.is_folder, &again.query), (path, target.is_folder, &target.query));
}
