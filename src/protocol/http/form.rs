//! The body of the login form: `application/x-www-form-urlencoded`.

use crate::protocol::http::{
    credentials::UserPass,
    error::HttpError,
    query::{form_decode, split},
    target::RequestTarget,
};

/// What the login form sends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoginForm {
    /// Name and password; `None` if they can't be those of an account.
    pub credentials: Option<UserPass>,
    /// Where the client wants to go after: a path of this server, the root if it named none.
    pub next: RequestTarget,
}

impl LoginForm {
    /// Reads the body; of fields of one name the first one counts, others are ignored.
    ///
    /// # Errors
    /// A 400 for a broken escape.
    pub fn parse(body: &[u8]) -> Result<Self, HttpError> {
        let field = |name: &str| {
            let mut pairs = body.split(|&byte| byte == b'&').map(split);
            let found = pairs.find_map(|(found, value)| value.filter(|_| found == name.as_bytes()));
            form_decode(found.unwrap_or_default())
        };
        let next = RequestTarget::local(&field("next")?);
        Ok(Self {
            credentials: UserPass::new(&field("user")?, &field("password")?),
            next: next.or_else(|_| RequestTarget::local(b"/"))?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_has_name_password_and_where_to_go() {
        type Pair<'a> = Option<(&'a str, &'a str)>;
        let cases: &[(&str, Result<Pair, u16>, &str)] = &[
            ("user=a&password=b&next=%2Fx%2520y%2F%3Fzip", Ok(Some(("a", "b"))), "/x%20y/?zip"),
            ("password=%26%3d+%2B&user=%c3%a9", Ok(Some(("\u{e9}", "&= +"))), "/"),
            ("user=a&user=b&password", Ok(Some(("a", ""))), "/"),
            ("", Ok(Some(("", ""))), "/"),
            ("user=a%00&password=b", Ok(None), "/"),
            ("user=a&password=b%0d%0a", Ok(None), "/"),
            ("next=//evil", Ok(Some(("", ""))), "/"),
            ("next=http://evil/", Ok(Some(("", ""))), "/"),
            ("next=/%5Cevil", Ok(Some(("", ""))), "/%5Cevil"),
            ("next=javascript:x", Ok(Some(("", ""))), "/"),
            ("next=/%250d%250aX:y", Ok(Some(("", ""))), "/"),
            ("user=%", Err(400), "/"),
        ];
        for (body, credentials, next) in cases {
            let form = LoginForm::parse(body.as_bytes()).map_err(|error| error.status);
            let expected = credentials
                .map(|pair| pair.and_then(|(user, password)| UserPass::new(user.as_bytes(), password.as_bytes())));
            assert_eq!(
                form.as_ref().map(|form| form.credentials.clone()).map_err(|&status| status),
                expected,
                "{body}"
            );
            assert!(form.is_err() || form.is_ok_and(|form| form.next.href() == *next), "{body}");
        }
    }
}
