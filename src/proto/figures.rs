//! What a role can tell its operator in numbers: how much it holds, and what it has done since it began.

/// A role's figures. Those of a role that is no mesh node are all zero.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    pub groups: Groups,
    pub persons: Persons,
    pub nodes: Nodes,
}

/// What a supernode has to do with groups.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Groups {
    /// Groups whose record is here, as the responsible supernode or as one of the other two.
    pub held: usize,
    /// Those of them in which somebody is registered here.
    pub live: usize,
    /// Registrations of members whose links are heard, one for each of their groups.
    pub registered: usize,
    /// Leases granted here.
    pub granted: u64,
    /// Those of them that went to another host than the one before.
    pub succeeded: u64,
    /// Times a group's record went to the supernode that is responsible for it.
    pub passed_on: u64,
}

/// What a supernode has to do with where people are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Persons {
    /// Those whose links are heard that may be told to whoever looks for them.
    pub here: usize,
    /// Those that somebody linked here looks for.
    pub sought: usize,
}

/// The table, by what is believed of its nodes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Nodes {
    pub alive: usize,
    /// Said not to answer; until they are called dead they count as alive.
    pub suspect: usize,
    pub down: usize,
    /// Marked dead for good.
    pub buried: usize,
    /// Those alive or suspect that are supernodes: the points of the ring.
    pub supernodes: usize,
}
