//! How fast one session may move bytes: at its own rates, and at those that the account's sessions share.

use crate::copy::pace::Throttle;
use crate::share::Share;

/// The rates of one session.
pub struct Throttles {
    /// From the client.
    pub upload: Throttle,
    /// To the client.
    pub download: Throttle,
    /// The rates of the account, up and down, that these hold.
    of_account: [Option<u64>; 2],
}

impl Share {
    /// The rates of one session, and those of the account that all its sessions share.
    pub fn throttles(&self) -> Throttles {
        let Self { conditions, premises, .. } = self;
        let user = self.user_now();
        let upload = user.max_upload.map(|rate| premises.upload_rates.join(&user.name, rate));
        let download = user.max_download.map(|rate| premises.download_rates.join(&user.name, rate));
        Throttles {
            upload: Throttle::new(conditions.max_upload, upload),
            download: Throttle::new(conditions.max_download, download),
            of_account: [user.max_upload, user.max_download],
        }
    }

    /// Takes over rates of the account that have changed, before a transfer.
    pub fn refresh(&self, throttles: &mut Throttles) {
        let user = self.user_now();
        if throttles.of_account != [user.max_upload, user.max_download] {
            *throttles = self.throttles();
        }
    }
}
