//! Who signs what: of each signed thing how it is made, over which bytes, and whether it is genuine.

use serde::Serialize;

use super::{Body, Burial, Charter, Entry, Lease, Record, Run, Sequenced, Whereabouts, Witness};
use crate::proto::id::{Epoch, GroupName, NodeId, NodeName, Number, Seq};
use crate::proto::mutant::{self, Mutant};
use crate::proto::seal::{Hash, Seal};
use crate::proto::time::Wall;

impl Entry {
    /// Signs `body` as the `number`th entry of this key in `group`.
    #[must_use]
    pub fn signed(
        seal: &dyn Seal,
        group: &GroupName,
        number: Number,
        time: Wall,
        body: Body,
    ) -> Self {
        let author = seal.id();
        let signature = seal.sign(&Self::signed_bytes(group, author, number, time, &body));
        Self {
            author,
            number,
            time,
            body,
            signature,
        }
    }

    /// Whether its author wrote it for `group`.
    #[must_use]
    pub fn is_genuine(&self, seal: &dyn Seal, group: &GroupName) -> bool {
        let bytes = Self::signed_bytes(group, self.author, self.number, self.time, &self.body);
        seal.verify(&self.author, &bytes, &self.signature)
    }

    /// The group goes in by its root, so that a group which loses its name to another keeps its log.
    fn signed_bytes(
        group: &GroupName,
        author: NodeId,
        number: Number,
        time: Wall,
        body: &Body,
    ) -> Vec<u8> {
        let root = group.root();
        to_sign(&("fireside entry 1", root, author, number, time, body))
    }
}

impl Run {
    /// The head of the line's hash chain after the last entry.
    #[must_use]
    pub fn head(&self) -> Hash {
        self.entries
            .iter()
            .fold(self.prev, |head, sequenced| sequenced.chain(head))
    }

    /// This run, whose last head is `head`, signed as the epoch's host, which is whom `seal` belongs to.
    #[must_use]
    pub fn signed(mut self, seal: &dyn Seal, group: &GroupName, head: Hash) -> Self {
        let bytes = Self::signed_bytes(group, self.epoch, self.last(), head);
        self.signature = seal.sign(&bytes);
        self
    }

    /// Whether the epoch's host signed `group`'s line with this run, whose last head is `head`, in it.
    #[must_use]
    pub fn is_genuine(&self, seal: &dyn Seal, group: &GroupName, head: Hash) -> bool {
        let bytes = Self::signed_bytes(group, self.epoch, self.last(), head);
        seal.verify(&self.epoch.host, &bytes, &self.signature)
    }

    fn signed_bytes(group: &GroupName, epoch: Epoch, last: Seq, head: Hash) -> Vec<u8> {
        to_sign(&("fireside head 1", group.root(), epoch, last, head))
    }
}

impl Sequenced {
    /// The head of the line's hash chain after this entry, if it was `head` before. It covers the entry and not
    /// only its signature, which a key made for that purpose can give to two texts.
    #[must_use]
    pub fn chain(&self, head: Hash) -> Hash {
        Hash::of(&[&head.0, &to_sign(self)])
    }
}

impl Lease {
    /// Grants `epoch` of `group`, which has this charter, as the supernode that `seal` belongs to.
    #[must_use]
    pub fn granted(
        seal: &dyn Seal,
        group: GroupName,
        epoch: Epoch,
        charter: Option<&Charter>,
    ) -> Self {
        let by = seal.id();
        let charter = charter.and_then(Charter::binding);
        let signature = seal.sign(&Self::signed_bytes(&group, epoch, charter, by));
        Self {
            group,
            epoch,
            charter,
            by,
            signature,
        }
    }

    /// Whether the supernode it names granted it. Whether that is one we know is the caller's to ask.
    #[must_use]
    pub fn is_genuine(&self, seal: &dyn Seal) -> bool {
        seal.verify(
            &self.by,
            &Self::signed_bytes(&self.group, self.epoch, self.charter, self.by),
            &self.signature,
        )
    }

    /// Whether it can be a lease of the group with this charter.
    #[must_use]
    pub fn is_of(&self, charter: Option<&Charter>) -> bool {
        match (self.charter, charter) {
            (Some(bound), Some(charter)) => {
                bound == charter.hash() || mutant::is(Mutant::LeaseOfAnyCharter)
            }
            (None, _) | (_, None) => true,
        }
    }

    fn signed_bytes(group: &GroupName, epoch: Epoch, charter: Option<Hash>, by: NodeId) -> Vec<u8> {
        to_sign(&("fireside lease 2", group, epoch, charter, by))
    }
}

impl Charter {
    /// Our offer: the birth of a group, with us as its founder.
    #[must_use]
    pub fn offered(seal: &dyn Seal, group: &GroupName, born: Wall) -> Self {
        let (group, founder) = (group.bare(), seal.id());
        let signature = seal.sign(&Self::signed_bytes(&group, founder, born));
        Self {
            group,
            founder,
            born,
            signature,
            witness: None,
        }
    }

    /// This charter with us as its witness.
    #[must_use]
    pub fn witnessed(mut self, seal: &dyn Seal) -> Self {
        self.witness = Some(Witness {
            by: seal.id(),
            signature: seal.sign(&self.witnessed_bytes()),
        });
        self
    }

    /// What tells charters apart; the witness is no part of it.
    #[must_use]
    pub fn hash(&self) -> Hash {
        Hash::of(&[
            &Self::signed_bytes(&self.group, self.founder, self.born),
            &self.signature.0,
        ])
    }

    /// What leases are bound to.
    #[must_use]
    pub fn binding(&self) -> Option<Hash> {
        self.witness.map(|_| self.hash())
    }

    /// Whether its founder signed it, and its witness, if it names one. Whether that is one we know is the
    /// caller's to ask.
    #[must_use]
    pub fn is_genuine(&self, seal: &dyn Seal) -> bool {
        let bytes = Self::signed_bytes(&self.group, self.founder, self.born);
        let is_witnessed = |witness: &Witness| {
            seal.verify(&witness.by, &self.witnessed_bytes(), &witness.signature)
        };
        self.group.tag().is_none()
            && seal.verify(&self.founder, &bytes, &self.signature)
            && self.witness.as_ref().is_none_or(is_witnessed)
    }

    /// Whether it can be the charter of a group of that name: the bare name, or the one with its own tag.
    #[must_use]
    pub fn is_for(&self, name: &GroupName) -> bool {
        *name == self.group || *name == self.group.tagged(&self.hash())
    }

    fn signed_bytes(group: &GroupName, founder: NodeId, born: Wall) -> Vec<u8> {
        to_sign(&("fireside charter 1", group, founder, born))
    }

    fn witnessed_bytes(&self) -> Vec<u8> {
        to_sign(&("fireside witness 1", self.hash()))
    }
}

impl Whereabouts {
    /// Where we are, as the person that `seal` belongs to.
    #[must_use]
    pub fn signed(seal: &dyn Seal, at: Wall, over: Vec<NodeId>) -> Self {
        let person = seal.id();
        let signature = seal.sign(&Self::signed_bytes(person, at, &over));
        Self {
            person,
            at,
            over,
            signature,
        }
    }

    /// Whether the person it is about said it.
    #[must_use]
    pub fn is_genuine(&self, seal: &dyn Seal) -> bool {
        let bytes = Self::signed_bytes(self.person, self.at, &self.over);
        seal.verify(&self.person, &bytes, &self.signature)
    }

    fn signed_bytes(person: NodeId, at: Wall, over: &[NodeId]) -> Vec<u8> {
        to_sign(&("fireside whereabouts 1", person, at, over))
    }
}

impl Record {
    /// This record with our key and signature.
    #[must_use]
    pub fn signed(mut self, seal: &dyn Seal) -> Self {
        self.key = seal.id();
        self.signature = seal.sign(&self.signed_bytes());
        self
    }

    /// Whether the node it describes signed it.
    #[must_use]
    pub fn is_genuine(&self, seal: &dyn Seal) -> bool {
        seal.verify(&self.key, &self.signed_bytes(), &self.signature)
    }

    fn signed_bytes(&self) -> Vec<u8> {
        let Self {
            name,
            key,
            clock,
            addresses,
            roles,
            tombstone,
            signature: _,
        } = self;
        to_sign(&(
            "fireside record 1",
            name,
            key,
            clock,
            addresses,
            roles,
            tombstone,
        ))
    }
}

impl Burial {
    /// Takes a node out of service, as the operator that `seal` belongs to.
    #[must_use]
    pub fn signed(seal: &dyn Seal, key: NodeId, name: NodeName) -> Self {
        let by = seal.id();
        let signature = seal.sign(&Self::signed_bytes(key, &name, by));
        Self {
            key,
            name,
            by,
            signature,
        }
    }

    /// Whether the operator it names signed it. Whether that is one to be obeyed is the caller's to ask.
    #[must_use]
    pub fn is_genuine(&self, seal: &dyn Seal) -> bool {
        let bytes = Self::signed_bytes(self.key, &self.name, self.by);
        seal.verify(&self.by, &bytes, &self.signature)
    }

    fn signed_bytes(key: NodeId, name: &NodeName, by: NodeId) -> Vec<u8> {
        to_sign(&("fireside burial 1", key, name, by))
    }
}

/// The bytes a signature covers: a domain word and the fields, in the wire's own form.
fn to_sign<T: Serialize>(fields: &T) -> Vec<u8> {
    postcard::to_stdvec(fields).expect("plain data with no map of unknown length always encodes")
}
