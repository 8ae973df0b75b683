//! What a driver sees of silence: links that fall quiet and come to themselves, and that our own network may be why.

use std::sync::Arc;

use tokio::task::spawn_blocking;

use super::{Done, Driver};
use crate::net::knock;
use crate::net::link::millis;
use crate::net::socket::unmapped;
use crate::net::vantage::Surroundings;
use crate::net::watch::Seen;
use crate::proto::role::{Input, Kind, LinkId};
use crate::proto::time::Mono;
use crate::proto::wire::Reason;

impl Driver {
    /// Tells the role which links have fallen quiet, and which have come to themselves.
    pub(super) fn look(&mut self, now: Mono) {
        for (id, seen) in self.links.look(now) {
            // What was seen before may have led the role to close it.
            if self.links.get(id).is_none() {
                continue;
            }
            match seen {
                // Whoever is reached over it waits for the end of it, and its client is there by another way.
                Seen::Quiet { .. } if self.links.is_outlived(id) => self.close(id, Reason::Done),
                Seen::Quiet { since } => {
                    if let Some(link) = self.links.get(id) {
                        let silent_ms = millis(now - since);
                        tracing::info!(link = id.0, peer = %link.peer.short(), silent_ms, "a link is quiet");
                    }
                    self.handle(Input::Quiet { link: id, since });
                    self.tell_paths();
                }
                Seen::Heard => self.heard(id),
                Seen::Silent => {
                    self.may_have_moved();
                    self.knock(id);
                }
            }
        }
        self.settle();
    }

    pub(super) fn heard(&mut self, link: LinkId) {
        tracing::info!(link = link.0, "a link is heard again");
        self.handle(Input::Heard { link });
        self.tell_paths();
    }

    /// Asks the machine at the other end of a silent link whether anybody is there, if it can know that.
    fn knock(&mut self, id: LinkId) {
        let Some(link) = self.links.get(id).filter(|link| link.kind == Kind::Mesh) else {
            return;
        };
        let address = unmapped(link.connection.remote_address());
        if self.endpoint.knocks && (link.is_ours || knock::is_near(address.ip())) {
            self.tasks
                .spawn(async move { Done::Knocked(id, knock::is_refused(address).await) });
        }
    }

    pub(super) fn may_have_moved(&mut self) {
        if self.is_person() {
            self.vantage.is_stale();
            self.look_around();
        }
    }

    /// Looks at this machine's addresses, if they may have changed. Whoever waits for the system does it where nobody else waits.
    pub(super) fn look_around(&mut self) {
        if self.vantage.begins_to_look() {
            let bound = self.vantage.bound();
            let looked = spawn_blocking(move || Surroundings::of(bound));
            self.tasks.spawn(async { Done::Looked(looked.await) });
        }
    }

    /// Our network is another: supernodes are to see it at once, and peers are sought anew.
    pub(super) fn moved(&mut self) {
        tracing::info!("our addresses have changed");
        let socket = Arc::clone(&self.endpoint.socket);
        // The same socket once more: QUIC then sends something on every link, so that it is seen to have moved.
        if let Err(error) = self.endpoint.quinn.rebind_abstract(socket) {
            tracing::debug!(%error, "asking QUIC to show that we have moved");
        }
        self.endpoint.socket.moved();
    }
}
