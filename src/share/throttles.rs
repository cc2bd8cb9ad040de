//! How fast one session may move bytes: at its own rates, and at those that the account's sessions share.

use std::sync::Arc;

use parking_lot::Mutex;

use crate::copy::pace::{Pace, SharedPace, Throttle};
use crate::share::{Conditions, Share};

/// The rates of one connection of a session.
pub struct Throttles {
    /// From the client.
    pub upload: Throttle,
    /// To the client.
    pub download: Throttle,
    /// The rates of the account, up and down, that these hold.
    of_account: [Option<u64>; 2],
}

/// The rates of one session whose client comes with several connections.
#[derive(Debug, Clone)]
pub struct SessionPaces {
    upload: Option<SharedPace>,
    download: Option<SharedPace>,
}

impl SessionPaces {
    /// Of a session that begins under these conditions.
    pub fn new(conditions: &Conditions) -> Self {
        let pace = |rate: Option<u64>| rate.map(|rate| Arc::new(Mutex::new(Pace::new(rate))));
        Self { upload: pace(conditions.max_upload), download: pace(conditions.max_download) }
    }
}

impl Share {
    /// The rates of a session with one connection, and those of the account that all its sessions share.
    pub fn throttles(&self) -> Throttles {
        let (of_account, [upload, download]) = self.paces();
        let (up, down) = (self.conditions.max_upload, self.conditions.max_download);
        Throttles { upload: Throttle::new(up, upload), download: Throttle::new(down, download), of_account }
    }

    /// The same for one of several connections.
    pub fn throttles_of(&self, session: &SessionPaces) -> Throttles {
        let (of_account, [upload, download]) = self.paces();
        Throttles {
            upload: Throttle::of_session(session.upload.clone(), upload),
            download: Throttle::of_session(session.download.clone(), download),
            of_account,
        }
    }

    /// Takes over rates of the account that have changed, before a transfer.
    pub fn refresh(&self, throttles: &mut Throttles) {
        let user = self.user_now();
        if throttles.of_account != [user.max_upload, user.max_download] {
            let (of_account, [upload, download]) = self.paces();
            throttles.upload.change_account(upload);
            throttles.download.change_account(download);
            throttles.of_account = of_account;
        }
    }

    /// The rates of the account, up and down, and how far its sessions are ahead of them.
    fn paces(&self) -> ([Option<u64>; 2], [Option<SharedPace>; 2]) {
        let (user, premises) = (self.user_now(), &self.premises);
        let upload = user.max_upload.map(|rate| premises.upload_rates.join(&user.name, rate));
        let download = user.max_download.map(|rate| premises.download_rates.join(&user.name, rate));
        ([user.max_upload, user.max_download], [upload, download])
    }
}
