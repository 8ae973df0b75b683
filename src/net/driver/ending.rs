//! How a driver ends: the node has its last outputs, and everybody a word that we go.

use quinn::VarInt;
use tokio::sync::mpsc;

use super::Driver;
use crate::net::link::Link;
use crate::net::socket::Socket;
use crate::proto::role::Output;
use crate::proto::wire::Reason;

impl Driver {
    /// Gives the node its last outputs, and closes all links meanwhile.
    pub(super) async fn end(&mut self, outputs: &mpsc::Sender<Output>) {
        let backlog = std::mem::take(&mut self.backlog);
        let told = async {
            for output in backlog {
                if outputs.send(output).await.is_err() {
                    break;
                }
            }
        };
        self.vantage.closes_doors();
        self.doors.close();
        let doors = self.doors.clone();
        tokio::join!(told, self.close_all(), doors.wait());
    }

    /// Links to peers first, since their last words go over the others.
    async fn close_all(&mut self) {
        let (peers, nodes) = self.links.take();
        close_each(&peers).await;
        last_words(&self.endpoint.socket, &peers).await;
        close_each(&nodes).await;
        let reason = Reason::Shutdown;
        self.endpoint.quinn.close(
            VarInt::from_u32(reason as u32),
            reason.to_string().as_bytes(),
        );
        self.endpoint.quinn.wait_idle().await;
    }
}

/// Waits until the closes of links to peers are through their tunnels.
async fn last_words(socket: &Socket, peers: &[Link]) {
    while peers.iter().any(Link::is_silently_closed) {
        socket.sent.notified().await;
    }
    for path in peers.iter().filter_map(|link| link.path.as_ref()) {
        path.flush().await;
    }
}

async fn close_each(links: &[Link]) {
    for link in links {
        // Nobody is known to be there who would say that all has come.
        if link.watch.is_quiet() {
            link.close_now(Reason::Shutdown);
        } else {
            link.close_after_all(Reason::Shutdown);
        }
    }
    for link in links {
        link.connection.closed().await;
    }
}
