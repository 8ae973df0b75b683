//! The table: what is known of the nodes of the mesh, from the records they sign about themselves.
//!
//! A record can be withheld or delayed by whoever passes it on, never forged. Whether a node is *up* is nobody's
//! signature but an opinion: [`Table::merge`] takes over that of its teller, so its caller decides whose opinion
//! counts (a client believes the mesh node that gave it the table; a mesh node believes its own watching and
//! overrules what it is told with [`Table::set_liveness`]).

use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::figures::Nodes;
use super::id::{NodeId, NodeName};
use super::limits::{
    ADDRESSES_MAX, BURIALS_MAX, NODE_REMEMBERED, NODES_PER_ADDRESS_MAX, RECORDS_MAX, TABLE_BLOCKS,
};
use super::ring::{Point, Ring};
use super::seal::{Hash, Seal};
use super::time::Wall;
use super::wire::{self, Burial, Edition, Listed, Liveness, Record, Rest, Standing, Unlisted};

/// Supernodes of one /24 or /48: on a ring of 20 a whole /24 would come to own 96 % of all groups, on one of
/// 200 59 %. Addresses that only a local network can reach are not counted.
pub const SUPERNODES_PER_NETWORK_MAX: u32 = 8;
/// Bits of an IPv4 address that name its network.
const NETWORK_BITS_V4: u32 = 24;
/// Bits of an IPv6 address that name its network.
const NETWORK_BITS_V6: u32 = 48;
/// Bits of an IPv6 address that name whoever has it: all the rest is theirs to choose.
const OWNER_BITS_V6: u32 = 64;

/// What a merge did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// A node the table did not know.
    New,
    /// A later record of a known node.
    Updated,
    /// The known record; its node counts as this from here on.
    Liveness(Liveness),
    /// Known already, or older than what is known.
    Nothing,
}

/// The records, at most one a key.
#[derive(Clone, Debug, Default)]
pub struct Table {
    nodes: BTreeMap<NodeId, Listed>,
    /// A name belongs to the first key that came with it, for as long as that key is listed under it.
    names: BTreeMap<NodeName, NodeId>,
    /// Supernodes in each network, up or not.
    networks: BTreeMap<IpAddr, u32>,
    /// Where each supernode stands on the ring when it is up: a change of one is not to cost a hash of each.
    points: BTreeMap<NodeId, Point>,
    /// Nodes at each address that the whole net reaches, up or not.
    owners: BTreeMap<IpAddr, u32>,
    /// Who is out of service for good by an operator's word.
    burials: BTreeMap<NodeId, Burial>,
    version: u64,
    /// Computed when first asked for after a change.
    ring: OnceCell<Ring>,
    digest: OnceCell<Hash>,
    block_digests: OnceCell<Vec<u64>>,
}

/// The same nodes, as they are.
impl PartialEq for Table {
    fn eq(&self, other: &Self) -> bool {
        self.nodes == other.nodes && self.burials == other.burials
    }
}

impl Eq for Table {}

impl Table {
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The table that was on disk, without what is not genuine. All nodes in service count as alive until
    /// something else is known: a client that starts with every directory down has nothing better to try.
    #[must_use]
    pub fn restored(listed: Vec<Listed>, seal: &dyn Seal) -> Self {
        let alive = |listed| Listed {
            liveness: Liveness::Alive,
            ..listed
        };
        Self::recalled(listed.into_iter().map(alive).collect(), Vec::new(), seal)
    }

    /// The table that was on disk, without what is not genuine, for a node that watches the others itself.
    #[must_use]
    pub fn recalled(listed: Vec<Listed>, burials: Vec<Burial>, seal: &dyn Seal) -> Self {
        let mut table = Self::new();
        for burial in burials {
            table.bury(burial);
        }
        for listed in listed {
            // What today's rules refuse is as good as forged, and as little missed.
            let _refused = table.merge(seal, listed);
        }
        table
    }

    /// Takes in a record that somebody tells of.
    ///
    /// For one key the higher clock wins, and a tombstone over everything, for ever. A teller of the known
    /// record decides how the node is; one of an older record has no say.
    ///
    /// # Errors
    /// [`Unlisted`]; nothing has changed then.
    pub fn merge(&mut self, seal: &dyn Seal, listed: Listed) -> Result<Change, Unlisted> {
        let Listed {
            record,
            liveness,
            since,
        } = listed;
        if record.addresses.len() > ADDRESSES_MAX {
            return Err(Unlisted::TooManyAddresses);
        }
        if self.burials.contains_key(&record.key) {
            return Err(Unlisted::Buried);
        }
        let change = match self.nodes.get(&record.key) {
            // The signature of what is known byte for byte has been checked before.
            Some(known) if known.record == record => {
                return Ok(if self.set_liveness(record.key, liveness, since) {
                    Change::Liveness(liveness)
                } else {
                    Change::Nothing
                });
            }
            Some(known) => {
                let ours = (known.record.tombstone, known.record.clock);
                let theirs = (record.tombstone, record.clock);
                if theirs < ours {
                    return Ok(Change::Nothing);
                }
                if !record.is_genuine(seal) {
                    return Err(Unlisted::BadSignature);
                }
                if theirs == ours {
                    return Err(Unlisted::Forked);
                }
                Change::Updated
            }
            None if !record.is_genuine(seal) => return Err(Unlisted::BadSignature),
            None => Change::New,
        };
        let is_full = change == Change::New && self.nodes.len() >= RECORDS_MAX;
        if is_full && !self.has_room() {
            return Err(Unlisted::TableFull);
        }
        self.admit(&record)?;
        self.insert(record, liveness, since);
        Ok(change)
    }

    /// Takes a node out of service for good; its name is free again. Says whether that is news. Whether the burial is
    /// genuine, and its operator's to decide, the caller has asked.
    pub fn bury(&mut self, burial: Burial) -> bool {
        let is_full = self.burials.len() >= BURIALS_MAX;
        if is_full || self.burials.contains_key(&burial.key) {
            return false;
        }
        self.remove(&burial.key);
        self.burials.insert(burial.key, burial);
        self.changed();
        true
    }

    /// The nodes that were buried.
    pub fn burials(&self) -> impl Iterator<Item = &Burial> {
        self.burials.values()
    }

    /// How a node was buried, if it was.
    #[must_use]
    pub fn burial(&self, key: &NodeId) -> Option<&Burial> {
        self.burials.get(key)
    }

    /// Lets go of the nodes that nobody has seen for long enough, and says who they are.
    pub fn forget_old(&mut self, now: Wall) -> Vec<NodeId> {
        let remembered_ms = u64::try_from(NODE_REMEMBERED.as_millis()).unwrap_or(u64::MAX);
        let is_old = |listed: &&Listed| {
            !listed.liveness.is_up() && now.0.saturating_sub(listed.since.0) > remembered_ms
        };
        let old: Vec<_> = self.listed().filter(is_old).map(|l| l.record.key).collect();
        for key in &old {
            self.remove(key);
        }
        if !old.is_empty() {
            self.changed();
        }
        old
    }

    /// Lets go of the nodes that are not up and stand in the way of a record: under its name, at its address, or in its
    /// network. Says whether there were any. It is for who has to take others' word for all of them.
    pub fn make_way(&mut self, record: &Record) -> bool {
        let in_the_way = |other: &Record| {
            let is_same = |place: fn(&Record) -> Option<IpAddr>| {
                place(record).is_some_and(|at| place(other) == Some(at))
            };
            other.name == record.name || is_same(network) || is_same(owner)
        };
        let down = self.listed().filter(|listed| !listed.liveness.is_up());
        let down = down.filter(|listed| listed.record.key != record.key);
        let down = down.filter(|listed| !listed.record.tombstone && in_the_way(&listed.record));
        let down: Vec<_> = down.map(|listed| listed.record.key).collect();
        for key in &down {
            self.remove(key);
            self.changed();
        }
        !down.is_empty()
    }

    /// Makes room by what has been dead for longest.
    fn has_room(&mut self) -> bool {
        let dead = self.listed().filter(|listed| !listed.liveness.is_up());
        let oldest = dead.min_by_key(|listed| listed.since).map(|l| l.record.key);
        if let Some(key) = oldest {
            self.remove(&key);
            self.changed();
        }
        oldest.is_some()
    }

    /// Notes how a node is; says whether that is a change. What is out of service stays down.
    pub fn set_liveness(&mut self, key: NodeId, liveness: Liveness, now: Wall) -> bool {
        match self.nodes.get_mut(&key) {
            Some(listed)
                if listed.liveness != liveness
                    && !(liveness.is_up() && listed.record.tombstone) =>
            {
                let was_up = listed.liveness.is_up();
                listed.liveness = liveness;
                listed.since = now;
                if was_up == liveness.is_up() {
                    self.version += 1;
                } else {
                    self.changed();
                }
                true
            }
            Some(_) | None => false,
        }
    }

    /// Notes whether we hear of a node ourselves; says whether that is a change.
    pub fn set_alive(&mut self, key: NodeId, alive: bool, now: Wall) -> bool {
        let liveness = if alive {
            Liveness::Alive
        } else {
            Liveness::Missed
        };
        let known = self.nodes.get(&key).map(|listed| listed.liveness);
        let is_news = known.is_some_and(|known| known.is_up() != alive);
        is_news && self.set_liveness(key, liveness, now)
    }

    /// Grows with every change.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.version
    }

    /// The same for two tables that say the same, whatever way they came by it; also of who is up.
    #[must_use]
    pub fn digest(&self) -> Hash {
        *self.digest.get_or_init(|| self.digested())
    }

    fn digested(&self) -> Hash {
        let mut said = Vec::with_capacity(self.nodes.len() * 105);
        for (key, listed) in &self.nodes {
            let Listed { record, .. } = listed;
            said.extend_from_slice(&key.0);
            said.extend_from_slice(&record.clock.to_be_bytes());
            said.extend_from_slice(&record.signature.0);
            said.push(u8::from(listed.liveness.is_up()));
        }
        Hash::of(&[&said])
    }

    /// Digests of what mesh nodes compare, by block: which records there are, who is up, and who was buried.
    #[must_use]
    pub fn block_digests(&self) -> &[u64] {
        self.block_digests.get_or_init(|| self.blocks_digested())
    }

    fn blocks_digested(&self) -> Vec<u64> {
        let mut said = vec![Vec::new(); TABLE_BLOCKS];
        for standing in self.standings() {
            let block = &mut said[usize::from(block_of(&standing.key))];
            block.extend_from_slice(&standing.key.0);
            match standing.rest {
                Rest::Listed { clock, is_up } => {
                    block.extend_from_slice(&clock.to_be_bytes());
                    block.push(u8::from(is_up));
                }
                Rest::Buried => block.push(2),
            }
        }
        let digest = |said: Vec<u8>| {
            let Hash(hash) = Hash::of(&[&said]);
            u64::from_be_bytes(hash[..8].try_into().expect("8 of 32 bytes"))
        };
        said.into_iter().map(digest).collect()
    }

    /// What is known of every node, in short.
    pub fn standings(&self) -> impl Iterator<Item = Standing> {
        let listed = self.listed().map(|listed| Standing {
            key: listed.record.key,
            rest: Rest::Listed {
                clock: listed.record.clock,
                is_up: listed.liveness.is_up(),
            },
        });
        let buried = self.burials.keys().map(|key| Standing {
            key: *key,
            rest: Rest::Buried,
        });
        listed.chain(buried)
    }

    /// Whether this is the record that the table has.
    #[must_use]
    pub fn has(&self, edition: Edition) -> bool {
        self.known_clock(&edition.key) == Some(edition.clock)
    }

    /// Everything, tombstones included, in the order of keys.
    pub fn listed(&self) -> impl Iterator<Item = &Listed> {
        self.nodes.values()
    }

    #[must_use]
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// How many of its nodes are what.
    #[must_use]
    pub fn figures(&self) -> Nodes {
        let mut nodes = Nodes {
            buried: self.burials.len(),
            ..Nodes::default()
        };
        for Listed {
            record, liveness, ..
        } in self.nodes.values()
        {
            if record.tombstone {
                nodes.buried += 1;
                continue;
            }
            match liveness {
                Liveness::Alive => nodes.alive += 1,
                Liveness::Suspect => nodes.suspect += 1,
                Liveness::Missed | Liveness::Dead => nodes.down += 1,
            }
            let is_point = liveness.is_up() && record.roles.supernode;
            nodes.supernodes += usize::from(is_point);
        }
        nodes
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    #[must_use]
    pub fn get(&self, key: &NodeId) -> Option<&Listed> {
        self.nodes.get(key)
    }

    #[must_use]
    pub fn by_name(&self, name: &NodeName) -> Option<&Listed> {
        self.nodes.get(self.names.get(name)?)
    }

    /// The clock of the record known of this node: what a node that lost its own asks for.
    #[must_use]
    pub fn known_clock(&self, key: &NodeId) -> Option<u64> {
        self.nodes.get(key).map(|listed| listed.record.clock)
    }

    /// The supernodes that are alive.
    pub fn supernodes(&self) -> impl Iterator<Item = &Record> {
        self.listed()
            .filter(|listed| listed.liveness.is_up() && listed.record.roles.supernode)
            .map(|listed| &listed.record)
    }

    /// The directories in service, alive or not: they are addresses to try.
    pub fn directories(&self) -> impl Iterator<Item = &Record> {
        self.listed()
            .map(|listed| &listed.record)
            .filter(|record| record.roles.directory && !record.tombstone)
    }

    /// Whether this is a supernode in service, alive or not: one whose grants count.
    #[must_use]
    pub fn is_supernode(&self, key: &NodeId) -> bool {
        self.nodes
            .get(key)
            .is_some_and(|listed| listed.record.roles.supernode && !listed.record.tombstone)
    }

    /// Whether this is a supernode, or was one before it went out of service: what it granted then stands.
    #[must_use]
    pub fn was_supernode(&self, key: &NodeId) -> bool {
        let listed = self.nodes.get(key);
        listed.is_some_and(|listed| listed.record.roles.supernode)
    }

    /// The ring of the supernodes that are up, each at the IP of its ring address.
    #[must_use]
    pub fn ring(&self) -> &Ring {
        self.ring.get_or_init(|| {
            let is_up = |key| self.nodes.get(key).is_some_and(|l| l.liveness.is_up());
            let up = self.points.iter().filter(|(key, _)| is_up(key));
            Ring::of_places(up.map(|(key, point)| (*point, *key)).collect())
        })
    }

    /// Whether the name, the address and the network of a genuine record are its to have.
    fn admit(&self, record: &Record) -> Result<(), Unlisted> {
        match self.names.get(&record.name) {
            Some(holder) if *holder != record.key => return Err(Unlisted::NameTaken),
            Some(_) | None => {}
        }
        let before = self.nodes.get(&record.key).map(|known| &known.record);
        let is_full = |place: Option<IpAddr>, before: Option<IpAddr>, counts: &Counts, max: u32| {
            place.is_some_and(|place| {
                before != Some(place) && counts.get(&place).is_some_and(|count| *count >= max)
            })
        };
        let (now, then) = (network(record), before.and_then(network));
        if is_full(now, then, &self.networks, SUPERNODES_PER_NETWORK_MAX) {
            return Err(Unlisted::NetworkFull);
        }
        let (now, then) = (owner(record), before.and_then(owner));
        if is_full(now, then, &self.owners, NODES_PER_ADDRESS_MAX) {
            return Err(Unlisted::AddressFull);
        }
        Ok(())
    }

    fn insert(&mut self, record: Record, liveness: Liveness, since: Wall) {
        let before = self.remove(&record.key);
        for (place, counts) in [
            (network(&record), &mut self.networks),
            (owner(&record), &mut self.owners),
        ] {
            if let Some(place) = place {
                *counts.entry(place).or_default() += 1;
            }
        }
        self.names.insert(record.name.clone(), record.key);
        let at = record.ring_address().filter(|_| record.roles.supernode);
        if let Some(at) = at {
            self.points.insert(record.key, Point::of_ip(at.ip()));
        }
        let liveness = if record.tombstone {
            Liveness::Dead
        } else {
            liveness
        };
        let is_same = |before: &Listed| before.liveness == liveness;
        let since = before.filter(is_same).map_or(since, |before| before.since);
        let listed = Listed {
            record,
            liveness,
            since,
        };
        self.nodes.insert(listed.record.key, listed);
        self.changed();
    }

    /// Forgets the nodes that are not to be kept, as if they had never been told of; says who they are.
    pub fn retain(&mut self, keep: impl Fn(&NodeId) -> bool) -> Vec<NodeId> {
        let gone: Vec<_> = self.nodes.keys().filter(|id| !keep(id)).copied().collect();
        for key in &gone {
            self.remove(key);
            self.changed();
        }
        gone
    }

    fn remove(&mut self, key: &NodeId) -> Option<Listed> {
        let removed = self.nodes.remove(key)?;
        let record = &removed.record;
        self.names.remove(&record.name);
        self.points.remove(&record.key);
        for (place, counts) in [
            (network(record), &mut self.networks),
            (owner(record), &mut self.owners),
        ] {
            let Some(place) = place else { continue };
            if let Some(count) = counts.get_mut(&place) {
                *count -= 1;
                if *count == 0 {
                    counts.remove(&place);
                }
            }
        }
        Some(removed)
    }

    fn changed(&mut self) {
        self.version += 1;
        self.ring.take();
        self.digest.take();
        self.block_digests.take();
    }
}

type Counts = BTreeMap<IpAddr, u32>;

/// The block of the table that a key is in.
#[must_use]
pub fn block_of(key: &NodeId) -> u8 {
    key.0[0] % u8::try_from(TABLE_BLOCKS).expect("there are fewer blocks than a byte counts")
}

/// The network that a supernode in service counts in: that of the address by which the ring places it, unless
/// only a local network reaches it.
fn network(record: &Record) -> Option<IpAddr> {
    let counts = record.roles.supernode && !record.tombstone;
    prefix(record, NETWORK_BITS_V4, NETWORK_BITS_V6).filter(|_| counts)
}

/// Whose address a node is at, unless only a local network reaches it.
fn owner(record: &Record) -> Option<IpAddr> {
    prefix(record, u32::BITS, OWNER_BITS_V6)
}

fn prefix(record: &Record, v4_bits: u32, v6_bits: u32) -> Option<IpAddr> {
    let ip = record.ring_address()?.ip().to_canonical();
    if wire::is_local(ip) {
        return None;
    }
    Some(match ip {
        IpAddr::V4(v4) => {
            Ipv4Addr::from(u32::from(v4) & (u32::MAX << (u32::BITS - v4_bits))).into()
        }
        IpAddr::V6(v6) => {
            Ipv6Addr::from(u128::from(v6) & (u128::MAX << (u128::BITS - v6_bits))).into()
        }
    })
}

#[cfg(test)]
mod tests {
    use super::super::ring::Point;
    use super::super::seal::Signature;
    use super::super::wire::Roles;
    use super::*;

    const SUPERNODE: Roles = Roles {
        directory: false,
        supernode: true,
    };

    #[test]
    fn a_higher_clock_wins_whatever_order_records_come_in() {
        let (seal, mut table) = (Key(1), Table::new());
        let (old, later) = (record(1, 1, "10.0.0.1:1"), record(1, 2, "10.0.0.2:1"));
        assert_eq!(table.merge(&seal, up(&old)), Ok(Change::New));
        assert_eq!(table.merge(&seal, up(&later)), Ok(Change::Updated));
        assert_eq!(table.merge(&seal, up(&old)), Ok(Change::Nothing));
        assert_eq!(table.get(&old.key).unwrap().record, later);
        assert_eq!(table.known_clock(&old.key), Some(2));

        let mut other_way = Table::new();
        assert_eq!(other_way.merge(&seal, up(&later)), Ok(Change::New));
        assert_eq!(other_way.merge(&seal, up(&old)), Ok(Change::Nothing));
        assert_eq!(other_way.digest(), table.digest());
    }

    #[test]
    fn what_is_not_genuine_is_refused_and_changes_nothing() {
        let (seal, mut table) = (Key(1), Table::new());
        let genuine = record(1, 1, "10.0.0.1:1");
        table.merge(&seal, up(&genuine)).unwrap();
        let version = table.version();
        let forged = [
            Record {
                clock: 9,
                ..genuine.clone()
            },
            Record {
                tombstone: true,
                ..genuine.clone()
            },
            Record {
                key: Key(2).id(),
                ..genuine.clone()
            },
        ];
        for record in forged {
            assert_eq!(table.merge(&seal, up(&record)), Err(Unlisted::BadSignature));
        }
        let twin = record(1, 1, "10.0.0.9:1");
        assert_eq!(table.merge(&seal, up(&twin)), Err(Unlisted::Forked));
        let mut many = genuine;
        many.addresses = vec!["10.0.0.1:1".parse().unwrap(); ADDRESSES_MAX + 1];
        let many = many.signed(&Key(1));
        assert_eq!(
            table.merge(&seal, up(&many)),
            Err(Unlisted::TooManyAddresses)
        );
        assert_eq!(table.version(), version);
    }

    #[test]
    fn a_tombstone_outlives_every_later_record() {
        let (seal, mut table) = (Key(1), Table::new());
        let living = record(1, 5, "10.0.0.1:1");
        let buried = Record {
            tombstone: true,
            clock: 3,
            ..living.clone()
        }
        .signed(&Key(1));
        table.merge(&seal, up(&living)).unwrap();
        assert_eq!(table.merge(&seal, up(&buried)), Ok(Change::Updated));
        assert_eq!(
            table.merge(&seal, up(&record(1, 9, "10.0.0.1:1"))),
            Ok(Change::Nothing)
        );
        assert!(!table.set_alive(living.key, true, Wall(0)));
        assert!(!table.is_supernode(&living.key));
        assert!(table.ring().is_empty());
        let kept = Table::restored(table.listed().cloned().collect(), &seal);
        assert_eq!(kept.digest(), table.digest());
    }

    #[test]
    fn a_name_belongs_to_the_first_key_until_that_goes_by_another() {
        let (seal, mut table) = (Key(1), Table::new());
        let first = record(1, 1, "10.0.0.1:1");
        let thief = Record {
            name: first.name.clone(),
            ..record(2, 9, "10.0.0.2:1")
        }
        .signed(&Key(2));
        table.merge(&seal, up(&first)).unwrap();
        assert_eq!(table.merge(&seal, up(&thief)), Err(Unlisted::NameTaken));
        assert_eq!(
            table.by_name(&first.name).map(|l| l.record.key),
            Some(first.key)
        );
        let renamed = Record {
            name: NodeName::parse("elsewhere").unwrap(),
            clock: 2,
            ..first
        }
        .signed(&Key(1));
        table.merge(&seal, up(&renamed)).unwrap();
        assert_eq!(table.merge(&seal, up(&thief)), Ok(Change::New));
    }

    #[test]
    fn only_living_supernodes_stand_on_the_ring_but_the_dead_ones_grants_count() {
        let (seal, mut table) = (Key(1), Table::new());
        let (one, two) = (record(1, 1, "10.0.0.1:1"), record(2, 1, "10.0.0.2:1"));
        let mut directory = record(3, 1, "10.0.0.3:1");
        directory.roles = Roles {
            directory: true,
            supernode: false,
        };
        let directory = directory.signed(&Key(3));
        for record in [&one, &two, &directory] {
            table.merge(&seal, up(record)).unwrap();
        }
        let at = Point::of_ip("10.0.0.2".parse().unwrap());
        assert_eq!(table.ring().responsible(at), Some(two.key));
        assert!(table.set_alive(two.key, false, Wall(0)));
        assert!(!table.set_alive(two.key, false, Wall(0)));
        assert_eq!(table.ring().responsible(at), Some(one.key));
        assert!(table.is_supernode(&two.key));
        assert!(!table.is_supernode(&directory.key));
        assert_eq!(table.directories().count(), 1);
        assert_eq!(
            table.merge(&seal, up(&two)),
            Ok(Change::Liveness(Liveness::Alive))
        );
        assert_eq!(table.supernodes().count(), 2);
    }

    #[test]
    fn a_table_from_disk_holds_all_in_service_for_alive_and_drops_what_is_forged() {
        let seal = Key(1);
        let (one, mut two) = (record(1, 1, "10.0.0.1:1"), record(2, 1, "10.0.0.2:1"));
        two.clock = 7;
        let saved = vec![
            Listed {
                record: one.clone(),
                liveness: Liveness::Dead,
                since: Wall(0),
            },
            up(&two),
        ];
        let table = Table::restored(saved, &seal);
        assert_eq!(table.len(), 1);
        assert_eq!(table.ring().responsible(Point(0)), Some(one.key));
    }

    #[test]
    fn one_network_holds_only_so_many_supernodes_and_a_local_one_any_number() {
        let (seal, mut table) = (Key(1), Table::new());
        for n in 1..=8 {
            let record = record(n, 1, &format!("192.0.2.{n}:1"));
            assert_eq!(table.merge(&seal, up(&record)), Ok(Change::New));
        }
        let ninth = record(9, 1, "192.0.2.9:1");
        assert_eq!(table.merge(&seal, up(&ninth)), Err(Unlisted::NetworkFull));
        // One that stays may move within its network; one that goes makes room.
        assert_eq!(
            table.merge(&seal, up(&record(1, 2, "192.0.2.99:1"))),
            Ok(Change::Updated)
        );
        assert_eq!(
            table.merge(&seal, up(&record(1, 3, "198.51.100.1:1"))),
            Ok(Change::Updated)
        );
        assert_eq!(table.merge(&seal, up(&ninth)), Ok(Change::New));
        for n in 20..60 {
            let record = record(n, 1, &format!("127.0.0.{n}:1"));
            assert_eq!(table.merge(&seal, up(&record)), Ok(Change::New));
        }
    }

    #[test]
    fn what_was_computed_once_follows_every_change() {
        let (seal, mut table) = (Key(1), Table::new());
        let is_fresh = |table: &Table| {
            assert_eq!(table.digest(), table.digested());
            assert_eq!(table.block_digests(), table.blocks_digested());
            table.digest()
        };
        let mut digests = vec![is_fresh(&table)];
        for n in 1..=3 {
            let record = record(n, 1, &format!("10.0.0.{n}:1"));
            table.merge(&seal, up(&record)).unwrap();
            digests.push(is_fresh(&table));
        }
        table.merge(&seal, up(&record(1, 2, "10.0.0.1:1"))).unwrap();
        digests.push(is_fresh(&table));
        assert!(table.set_alive(Key(2).id(), false, Wall(1)));
        digests.push(is_fresh(&table));
        let name = NodeName::parse("node-3").unwrap();
        assert!(table.bury(Burial::signed(&seal, Key(3).id(), name)));
        digests.push(is_fresh(&table));
        let remembered = u64::try_from(NODE_REMEMBERED.as_millis()).unwrap();
        assert_eq!(table.forget_old(Wall(remembered + 2)), [Key(2).id()]);
        digests.push(is_fresh(&table));
        table.retain(|_| false);
        assert_eq!(is_fresh(&table), digests[0]);
        let different: std::collections::BTreeSet<_> = digests.iter().collect();
        assert_eq!(different.len(), digests.len());
    }

    fn up(record: &Record) -> Listed {
        Listed {
            record: record.clone(),
            liveness: Liveness::Alive,
            since: Wall(0),
        }
    }

    fn record(key: u8, clock: u64, address: &str) -> Record {
        Record {
            name: NodeName::parse(&format!("node-{key}")).unwrap(),
            key: NodeId::default(),
            clock,
            addresses: vec![address.parse().unwrap()],
            roles: SUPERNODE,
            tombstone: false,
            signature: Signature([0; 64]),
        }
        .signed(&Key(key))
    }

    /// Signatures that anybody could forge, and nobody here does.
    #[derive(Debug)]
    struct Key(u8);

    impl Key {
        fn mark(who: &NodeId, bytes: &[u8]) -> Signature {
            let Hash(half) = Hash::of(&[&who.0, bytes]);
            let mut signature = [0; 64];
            signature[..32].copy_from_slice(&half);
            Signature(signature)
        }
    }

    impl Seal for Key {
        fn id(&self) -> NodeId {
            NodeId([self.0; 32])
        }

        fn sign(&self, bytes: &[u8]) -> Signature {
            Self::mark(&self.id(), bytes)
        }

        fn verify(&self, who: &NodeId, bytes: &[u8], signature: &Signature) -> bool {
            Self::mark(who, bytes) == *signature
        }
    }
}
