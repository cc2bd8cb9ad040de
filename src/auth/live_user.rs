//! The account that a session belongs to, as it is now. The session reads it here each time; others change it here while
//! the session goes on.

use std::sync::Arc;

use parking_lot::Mutex;

use crate::auth::user::User;

/// The account of one session.
#[derive(Debug)]
pub struct LiveUser(Mutex<Arc<User>>);

impl LiveUser {
    /// Of a session that begins with this account.
    pub fn new(user: Arc<User>) -> LiveUser {
        LiveUser(Mutex::new(user))
    }

    /// The account as it is now.
    pub fn now(&self) -> Arc<User> {
        Arc::clone(&self.0.lock())
    }

    /// Takes limits and messages over; letters, home, hidden names and password are the same.
    pub fn take_over(&self, user: Arc<User>) {
        *self.0.lock() = user;
    }
}
