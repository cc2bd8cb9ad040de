//! The account that a session belongs to, as it is now. The session reads it here each time; others change it here while
//! the session goes on.

use std::sync::Arc;

use arc_swap::{ArcSwap, Guard};

use crate::auth::user::User;

/// The account of one session.
#[derive(Debug)]
pub struct LiveUser(ArcSwap<User>);

impl LiveUser {
    /// Of a session that begins with this account.
    pub fn new(user: Arc<User>) -> LiveUser {
        LiveUser(ArcSwap::new(user))
    }

    /// The account as it is now, for a moment.
    pub fn now(&self) -> Guard<Arc<User>> {
        self.0.load()
    }

    /// Takes limits and messages over; letters, home and password are the same.
    pub fn take_over(&self, user: Arc<User>) {
        self.0.store(user);
    }
}
