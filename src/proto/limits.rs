//! Every bound in one place, each with its reason. A peer can reach a bound; it can never move one.

use std::time::Duration;

/// The wire version spoken here; a peer that opens with another one is told so and the link is closed.
pub const WIRE_VERSION: u16 = 3;

/// Longest nick, in bytes: Ergo allows 32, and 20 columns still fit a member column.
pub const NICK_SIZE_MAX: usize = 32;
/// Longest group name with its `#`, in bytes (Ergo, InspIRCd: 60 to 64).
pub const GROUP_NAME_SIZE_MAX: usize = 64;
/// Longest topic, away or leave reason, in bytes (Ergo 2.19).
pub const TOPIC_SIZE_MAX: usize = 390;
/// Longest text of one entry, in bytes: a long paste, and four fit a frame.
pub const TEXT_SIZE_MAX: usize = 16 * 1024;
/// Longest frame on a link, in bytes, checked before anything is allocated for it.
pub const FRAME_SIZE_MAX: usize = 64 * 1024;
/// Target size of one frame of catching up, in bytes: well below a frame, so that one more entry always fits.
pub const CATCH_UP_SIZE: usize = 32 * 1024;
/// Most that one run may take in a frame: what a host places at once and signs once, for which it takes lines until
/// they make a frame of catching up.
pub const RUN_SIZE_MAX: usize = CATCH_UP_SIZE + TEXT_SIZE_MAX + 1024;
/// Longest name of a mesh node, in bytes.
pub const NODE_NAME_SIZE_MAX: usize = 64;
/// Addresses in one record: a few interfaces, two families.
pub const ADDRESSES_MAX: usize = 8;
/// Records in one table message; a longer table goes in several.
pub const RECORDS_PER_MESSAGE_MAX: usize = 128;
/// Records kept in a table: an order of magnitude above what two tiers were simulated with.
pub const RECORDS_MAX: usize = 20_000;
/// Burials kept: each is an operator's deed.
pub const BURIALS_MAX: usize = 4_096;
/// Standings of records in one message, each of about 40 bytes.
pub const STANDINGS_MAX: usize = 1_000;
/// Blocks in which two tables are compared: of 2,000 records 30 are told for one that differs.
pub const TABLE_BLOCKS: usize = 64;
/// Pieces of news in one step of gossip, each of about 40 bytes: together a UDP packet.
pub const NEWS_PER_GOSSIP_MAX: usize = 27;
/// Mesh nodes that want to be listed and are dialled back at a time.
pub const NEWCOMERS_MAX: usize = 256;
/// The same of one address (an IPv4 one, or a /64): whoever is there is dialled back a few times, not many.
pub const NEWCOMERS_PER_ADDRESS_MAX: usize = 4;
/// Nodes of one address in a table: a directory, a supernode, and their keys of before a reinstallation.
pub const NODES_PER_ADDRESS_MAX: u32 = 4;
/// How long a node that nobody has seen alive is remembered.
pub const NODE_REMEMBERED: Duration = Duration::from_secs(30 * 24 * 3600);
/// Records up to which every mesh node keeps a link to every other; in a larger mesh it has those to its neighbours
/// on the ring and to a few at random, and makes others when there is something to say.
pub const FULL_MESH_MAX: usize = 32;
/// Neighbours on the ring, each way and again at 180 degrees, to whom a supernode of a larger mesh keeps links: a
/// group's record is kept by them, and goes to them when one of them fails.
pub const NEIGHBOURS: usize = 3;
/// How long a link between mesh nodes that need none is kept after the last word.
pub const NODE_LINK_IDLE: Duration = Duration::from_secs(60);
/// Links between mesh nodes, above which the longest idle ones go.
pub const NODE_LINKS_MAX: usize = 256;
/// Words that wait for a link to a mesh node; the oldest go first, since they are of use for a second.
pub const NODE_WORDS_MAX: usize = 8;
/// Groups a client is in.
pub const GROUPS_MAX: usize = 100;
/// Members in one message about who is away from the screen: with the longest reasons they fit a frame.
pub const OUT_PER_MESSAGE_MAX: usize = 100;
/// Mesh nodes that an invite link names: more are of no use to the first one that answers, and make the link long.
pub const GATES_MAX: usize = 3;
/// Bytes of an invite link: the longest name, each byte of it written as three, and as many nodes as there may be.
pub const INVITE_SIZE_MAX: usize = 512;
/// Groups one link may register at a supernode; the same bound seen from the other side.
pub const GROUPS_PER_LINK_MAX: usize = 2 * GROUPS_MAX;
/// Members of a group that must be carried.
pub const MEMBERS_MAX: usize = 2_000;
/// Epochs in one version vector: a vector of this size still fits a frame.
pub const VECTOR_SIZE_MAX: usize = 1_000;
/// Lines of a log whose epochs' numbers lie close together; numbers are shared by few epochs, each of which a
/// supernode granted.
pub const BLOCK_LINES_MAX: usize = 256;
/// Ends of lines in one message, each of about 80 bytes: those of two blocks.
pub const TIPS_MAX: usize = 2 * BLOCK_LINES_MAX;
/// Digests of blocks of lines in one message, each of about 40 bytes.
pub const DIGESTS_MAX: usize = 1_000;
/// Blocks whose lines are compared at once.
pub const BLOCKS_AT_ONCE: usize = 16;
/// Highest number that anything is counted to on the wire (seq, epoch, entry, clock): far beyond what can
/// happen, and far below where adding one would overflow.
pub const COUNT_MAX: u64 = 1 << 48;
/// Latest time that a peer's clock may say, in milliseconds since 1970: the end of the year 9999, which is as
/// far as dates are written.
pub const WALL_MAX: u64 = 253_402_300_799_999;
/// Own lines waiting for a place; more are refused with a clear word.
pub const OUTBOX_MAX: usize = 1_000;

/// Supernodes at which a person is found: the responsible one, and the next in case it dies.
pub const FOUND_AT: usize = 2;
/// Private talks of a client that are open at once.
pub const TALKS_MAX: usize = 100;
/// Private talks open at once with people who begin them, share no group with us, and have had no answer yet: more
/// of them find the door closed until some of these are answered or closed.
pub const STRANGERS_MAX: usize = 10;
/// Own lines that wait for one person; more are refused with a clear word.
pub const WHISPERS_MAX: usize = 200;
/// Own lines sent to one person and not heard yet; the same number may wait there for their turn.
pub const WHISPERS_UNDER_WAY: usize = 16;
/// Persons whose coming one link is told of by a supernode: all private talks, and some curiosity.
pub const SOUGHT_PER_LINK_MAX: usize = TALKS_MAX + 28;
/// Persons of whom a supernode remembers when they left: some ten megabytes.
pub const GONE_MAX: usize = 100_000;
/// How often a supernode is asked again for somebody it should have told of by itself.
pub const SEEK_INTERVAL: Duration = Duration::from_secs(30);
/// How long a link between two who talk in private is kept after the last word.
pub const WHISPER_IDLE: Duration = Duration::from_secs(60);

/// Bytes waiting for one slow link before it is dropped; it comes back and resumes (InspIRCd: 1 MiB hard).
pub const SEND_QUEUE_SIZE_MAX: usize = 1024 * 1024;
/// Messages read from one link and not yet handled; then its reader waits, and QUIC's window with it.
pub const RECEIVE_QUEUE_MAX: usize = 64;
/// Inputs waiting for a role from all links and the store together; then their tasks wait.
pub const INPUT_QUEUE_MAX: usize = 1024;
/// Commands waiting from a face; then the face waits (a person cannot type this fast).
pub const COMMAND_QUEUE_MAX: usize = 64;
/// Events waiting for a face; then the node waits, so that a stopped pipe stops what feeds it.
pub const EVENT_QUEUE_MAX: usize = 4096;

/// Lines a member may send at once before the host paces it.
pub const LINE_BURST: u32 = 10;
/// Time that earns a member one more line when paced (two lines a second).
pub const LINE_INTERVAL: Duration = Duration::from_millis(500);
/// Entries of one member that wait at the host for pacing; more are left to the member's outbox.
pub const PACED_MAX: usize = 256;

/// Heirs that hold everything before a line is confirmed.
pub const HEIRS: usize = 2;
/// How long a new host waits for those who were here under the last one, before it confirms what they have not
/// stored: a hello over a relay on the other side of the world, and a packet that was lost.
pub const HEIRS_WAIT: Duration = Duration::from_secs(1);
/// How long an absent member keeps its place in the roster before the host writes that it is gone.
pub const ROSTER_GRACE: Duration = Duration::from_secs(10);
/// How long a supernode waits after the host's link broke before it grants to the next in line. Who dies or freezes
/// is missed by silence, not by this: a link that breaks with a word (a restart, a reader too slow) is dialled again
/// within a few round trips, perhaps by way of another supernode that sends it back here.
pub const HOST_LOST: Duration = Duration::from_secs(1);
/// How long the next in line may take to answer before a host is missed without it: a round trip and one packet that
/// was sent again. The lease goes to one who answers, not to one who died with the host.
pub const ANSWER_WAIT: Duration = Duration::from_millis(600);
/// How long a supernode that has just learned of a group waits for its living host: "not linked to me" is not "dead".
pub const REHOST_WAIT: Duration = Duration::from_secs(3);
/// The same where every member that registered misses the host too. They miss a living one when the supernode that
/// relayed between them is lost, and it takes this long to come here as they did: the links to one dead node fall
/// silent within [`QUIET_SPREAD`] of each other, and a dial with a lost packet takes most of a second.
pub const REHOST_WAIT_MISSED: Duration = Duration::from_millis(1_500);
/// How often a member repeats its registration, which is all that a supernode's knowledge is made of.
pub const REGISTER_INTERVAL: Duration = Duration::from_secs(5);
/// How long an asked witness may take before a group that nobody knows is born.
pub const WITNESS_WAIT: Duration = Duration::from_millis(1_000);
/// How long a birth that one supernode alone has seen gives way to one that more have: two machines that start at
/// once and find each other a little later are to have one group.
pub const BIRTH_SETTLED: Duration = Duration::from_secs(600);
/// How long a group's record is kept after the last member registered.
pub const RECORD_KEPT: Duration = Duration::from_secs(30 * 24 * 3600);
/// How often a record is written, and told to those who keep it too, though nothing has changed: how far their
/// counts of its days may be off.
pub const RECORD_NOTED: Duration = Duration::from_secs(24 * 3600);
/// The longest pause of a supernode that counts for a record's age. Longer ones are rarer than clocks that are wrong
/// at a start; so that one of those, a year ahead, takes a week from a record and not the record.
pub const RECORD_GAP_MAX: Duration = Duration::from_secs(7 * 24 * 3600);
/// Records told or written in one check of all of them: a link that comes up is not flooded.
pub const RECORDS_PER_CHECK_MAX: usize = 200;
/// First pause before a broken link is dialled again; it doubles, with jitter, up to the last.
pub const RETRY_FIRST: Duration = Duration::from_millis(100);
/// Longest pause between dials.
pub const RETRY_LAST: Duration = Duration::from_secs(10);
/// How long an unanswered dial is waited for.
pub const DIAL_TIMEOUT: Duration = Duration::from_secs(5);
/// Groups handed over in one go, and the pause after it, with what chance adds to it: some 500 in a second, so that
/// who comes back to ten thousand groups and their members has them all in twenty seconds and nobody waits for it.
pub const HANDOFFS_AT_ONCE: usize = 64;
/// See [`HANDOFFS_AT_ONCE`].
pub const HANDOFF_PAUSE: Duration = Duration::from_millis(100);
/// See [`HANDOFFS_AT_ONCE`].
pub const HANDOFF_PAUSE_JITTER_MS: u64 = 50;
/// How far apart, in milliseconds, supernodes that learn of another one at once begin to hand it its groups.
pub const HANDOFF_SPREAD_MS: u64 = 500;
/// How long a member waits at most for its old host's last word before it gives its lines to the new one: without
/// the wait a line that the old host had just placed would get a second place. Where the round trip is short, three
/// of them and [`LAST_WORD_LEAST`] are enough: a host that died without our having missed it yet says nothing.
pub const LAST_WORD_WAIT: Duration = Duration::from_millis(500);
/// See [`LAST_WORD_WAIT`]: what a busy process may take to answer.
pub const LAST_WORD_LEAST: Duration = Duration::from_millis(100);
/// How long an own line waits for a place before its author is told so: longer than a handover takes.
pub const LINE_WAIT: Duration = Duration::from_secs(6);
/// How long after a failed write what memory holds is written again.
pub const DISK_RETRY: Duration = Duration::from_secs(5);
/// How often mesh nodes exchange tables with one peer, so that a hole or a partition of any length heals.
pub const TABLE_INTERVAL: Duration = Duration::from_secs(10);
/// How often a supernode checks that it is still responsible for what it holds.
pub const RESPONSIBLE_INTERVAL: Duration = Duration::from_secs(3);
/// How long a leaving host waits for an heir to take over before it leaves all the same.
pub const HANDOVER_WAIT: Duration = Duration::from_secs(2);

/// How long a link may be without a word before its end that dialled asks for one (between members, both ends do).
/// A NAT forgets no binding so soon, and a lost one is asked for again several times before [`QUIET_AFTER`].
pub const KEEP_ALIVE: Duration = Duration::from_millis(500);
/// The same for the end that was dialled, at a mesh node. While the other end asks in time this one never does: ten
/// thousand links cost it a packet each and not two.
pub const KEEP_ALIVE_DIALLED: Duration = Duration::from_millis(750);
/// The same for links between mesh nodes that nobody heeds closely, since probes find out who is dead. A router forgets
/// no binding so soon, and three go unanswered before [`IDLE_TIMEOUT`].
pub const KEEP_ALIVE_LOOSE: Duration = Duration::from_secs(9);
/// How long nothing comes over a link before it counts as quiet: four unanswered questions, so that a stall of one
/// second or a loss of one packet in twenty is none, and a dead host is replaced in two and a half.
pub const QUIET_AFTER: Duration = Duration::from_secs(2);
/// Least pause between two looks at many links: what one look costs is a tenth of what a ping and its answer do.
pub const QUIET_LOOK: Duration = Duration::from_millis(100);
/// How far apart two ends may come to call the same silence quiet: a question's interval and a look.
pub const QUIET_SPREAD: Duration = Duration::from_millis(700);
/// Silence after which a mesh node's machine is asked whether anybody listens there: one question has gone
/// unanswered. Its word that nobody does is not signed, so that it weighs only if nothing comes for another moment.
pub const KNOCK_AFTER: Duration = Duration::from_millis(750);
/// How often it is asked again while the silence lasts: the question may be lost too.
pub const KNOCK_INTERVAL: Duration = Duration::from_millis(400);
/// That moment, several round trips.
pub const REFUSED_WAIT: Duration = Duration::from_millis(300);
/// How long a connection may be quiet before it is given up: what comes to itself sooner, a laptop's lid or a cable,
/// goes on where it was. Nobody waits for this.
pub const IDLE_TIMEOUT: Duration = Duration::from_secs(30);
/// A task that was not run for so long was stopped, and its clock with it: silence counts only while we listen.
pub const STOPPED_AFTER: Duration = Duration::from_millis(700);

/// Addresses at which a peer may say that it is: those of a laptop with a cable, a radio and a tunnel in both
/// families, and what two supernodes and a router see of them.
pub const CANDIDATES_MAX: usize = 10;
/// Probes that one peer can have us send to addresses that have not answered, in a row: what a whole attempt at all
/// of them takes. Each is of some 30 bytes, so that a peer who names strangers does them no harm.
pub const PROBES_BURST: u32 = 500;
/// The same in the long run.
pub const PROBES_PER_SECOND: u32 = 5;
