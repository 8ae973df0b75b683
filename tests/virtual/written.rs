//! What a role says is written at the end of its driver's turn: all of it, in its order, as soon as there is room.

use std::time::Duration;

use fireside::proto::limits::SEND_QUEUE_SIZE_MAX;
use fireside::proto::role::{LinkId, Output};
use fireside::proto::wire::Reason;
use tokio::time::{Instant, sleep};

use crate::network::Network;
use crate::node::{Node, client, supernode};
use crate::strings::{bulk, message};

const DELAY_MS: u64 = 20;
/// Lines: several times what a link takes that is not read, and less than may wait for it.
const MANY: u64 = 60;
/// So short that neither end asks the other for a sign of life, which would have the link's task look after it.
const A_WHILE: Duration = Duration::from_millis(100);

/// A client, and the supernode that it says things to.
struct Pair {
    network: Network,
    anna: Node,
    to_node: LinkId,
    node: Node,
    from_anna: LinkId,
}

async fn pair() -> Pair {
    let network = Network::new(1, DELAY_MS, 0);
    let (mut anna, mut node) = (client(&network, 1), supernode(&network, 2));
    let to_node = anna.link(&node).await;
    let from_anna = node.dialled_by(anna.id).await;
    Pair {
        network,
        anna,
        to_node,
        node,
        from_anna,
    }
}

impl Pair {
    /// Many lines are said to a node that is stopped meanwhile.
    async fn says_many_to_one_who_is_stopped(&self) {
        self.network.stop(self.node.ip());
        for number in 0..MANY {
            self.anna.say(self.to_node, bulk(number)).await;
        }
        sleep(A_WHILE).await;
    }

    async fn hears_many(&mut self) {
        for number in 0..MANY {
            assert_eq!(self.node.heard(self.from_anna).await, bulk(number));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_link_has_no_room_for_is_written_once_it_has_and_so_is_what_came_after_it() {
    let mut p = pair().await;
    p.says_many_to_one_who_is_stopped().await;
    p.anna.say(p.to_node, message("#behind")).await;
    sleep(A_WHILE).await;
    p.network.go_on(p.node.ip());
    p.hears_many().await;
    assert_eq!(p.node.heard(p.from_anna).await, message("#behind"));
}

#[tokio::test(start_paused = true)]
async fn a_full_link_is_closed_after_all_that_was_said_on_it() {
    let mut p = pair().await;
    p.says_many_to_one_who_is_stopped().await;
    let (link, reason) = (p.to_node, Reason::UnknownVersion);
    p.anna.order(Output::Close { link, reason }).await;
    sleep(A_WHILE).await;
    p.network.go_on(p.node.ip());
    p.hears_many().await;
    assert_eq!(p.node.lost(p.from_anna).await, Some(reason));
}

#[tokio::test(start_paused = true)]
async fn what_was_written_leaves_room_for_as_much_again() {
    let mut p = pair().await;
    for _ in 0..=2 * SEND_QUEUE_SIZE_MAX / (MANY as usize * 10_000) {
        for number in 0..MANY {
            p.anna.say(p.to_node, bulk(number)).await;
        }
        p.hears_many().await;
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_said_last_is_written_before_peers_are_taken_leave_of() {
    let mut p = pair().await;
    let mut bert = client(&p.network, 3);
    bert.link(&p.node).await;
    p.anna.reach(bert.id, p.to_node).await;
    bert.dialled_by(p.anna.id).await;
    p.network.stop(bert.ip());
    let (to, message) = (vec![p.to_node], message("#farewell"));
    let said = Instant::now();
    let send = Output::Send {
        to,
        message: message.clone(),
    };
    p.anna.order_all([send, Output::Finish]).await;
    assert_eq!(p.node.heard(p.from_anna).await, message);
    let took = said.elapsed();
    assert!(took < Duration::from_millis(2 * DELAY_MS), "{took:?}");
    assert_eq!(p.node.lost(p.from_anna).await, Some(Reason::Shutdown));
    let took = said.elapsed();
    assert!(
        took > Duration::from_millis(500),
        "bert was there: {took:?}"
    );
}
