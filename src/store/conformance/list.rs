use std::net::IpAddr;

use super::suite::{Suite, answered, promised, same};
use crate::store::{Device, NewSession, RevokeReason, SessionStore, Swap};

impl<S: SessionStore> Suite<S> {
    /// [`list`](SessionStore::list) shows the subject's living sessions, those rotated last first.
    pub async fn the_list_shows_the_living_in_order(&self) {
        let subject = self.subject("list");
        let [first, second, third, ended] = [(); 4].map(|()| self.session(&subject));
        for session in [&first, &second, &third, &ended] {
            let row = self.open(session).await;
            self.pass(session, row.created_at).await;
        }
        self.open(&self.session(&self.subject("list"))).await;
        self.swap_wins(&second, &Swap::new((1, 1), 2, 1)).await;
        answered("revoke", self.store.revoke(&subject, ended.id, RevokeReason::Logout).await);

        let listed = answered("list", self.store.list(&subject).await);
        let ids: Vec<_> = listed.iter().map(|listed| listed.row.id).collect();
        promised(ids == [second.id, third.id, first.id], "the living are listed, those rotated last first");
        for (listed, session) in listed.iter().zip([&second, &third, &first]) {
            same(&self.row(session).await, &listed.row, "what is listed is what is loaded");
        }
    }

    /// The device comes back as it was given, empty fields as empty ones.
    pub async fn devices_are_kept(&self) {
        let full = Device {
            user_agent: Some("Mozilla/5.0 (\u{1f980}) 'quoted' \"twice\" %s \\".repeat(4)),
            ip: Some(IpAddr::from([0x2001, 0xdb8, 0, 0, 0, 0, 0, 0xffff])),
            label: Some("Küche \u{202e}tfel".to_owned()),
        };
        let four = Device { ip: Some(IpAddr::from([192, 0, 2, 255])), ..Device::default() };
        let blank = Device { user_agent: Some(String::new()), ip: None, label: Some(" ".to_owned()) };
        for device in [full, four, blank, Device::default()] {
            let subject = self.subject("device");
            let session = NewSession { device, ..self.session(&subject) };
            self.open(&session).await;
            self.swap_wins(&session, &Swap::new((1, 1), 2, 1)).await;
            let listed = answered("list", self.store.list(&subject).await);
            promised(listed.len() == 1, "one session is listed once");
            promised(
                listed.iter().all(|listed| listed.device == session.device),
                "a device comes back as it was given, also after a rotation",
            );
        }
    }
}
