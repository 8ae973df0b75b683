//! Rules that a test switches off, one at a time, to see that the simulator notices.
//!
//! Only a build with the feature `mutants` can switch anything; in any other one every question asked here is a
//! constant `false`, and nothing of it is left in the product.

#[cfg(feature = "mutants")]
use std::cell::Cell;

/// A rule that is broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mutant {
    /// A line is confirmed before the heirs have it.
    ConfirmedUnstored,
    /// An heir asked for all it has stored reports what is on its way to disk too, over any gap.
    ReportedUnflushed,
    /// What a member says it has is taken for what is on its disk.
    HelloTakenForStored,
    /// A supernode takes a host that it has never met for a lost one.
    NeverMetIsLost,
    /// The host has no heirs while members are there.
    NoHeirs,
    /// Unplaced lines go out before the welcome, and count as sent.
    PutBeforeWelcome,
    /// Unplaced lines go out before the host has the line in which their author joined.
    PutBeforeJoin,
    /// A join under a nick that is taken is given up, and said again behind the lines that came after it.
    JoinVoided,
    /// A line that is sent again is overtaken by those behind it.
    LineOvertaken,
    /// Unplaced lines are not sent again to the next host.
    NotSentAgain,
    /// A member does not push what the host lacks.
    NotPushed,
    /// A new host forgets what was in its own outbox.
    OutboxForgotten,
    /// A dial that came to nothing is made again at once.
    RetriedAtOnce,
    /// A host's word of what was before it counts for nothing where nobody knows the supernode of then.
    PastDoubted,
    /// Anybody's word of what was before does.
    AnyPastBelieved,
    /// A mesh node that was turned away dials again at once.
    RebuffsForgotten,
    /// The clock reading of an entry is not raised above what the log has.
    ClockNotRaised,
    /// Members come to host in another order than they joined.
    SuccessionBackwards,
    /// A host takes a number again.
    NumberTwice,
    /// A member goes on with its numbers where its disk ends.
    NumbersGoOn,
    /// A restarted host resumes its epoch.
    EpochResumed,
    /// A supernode lets a host with an old disk resume its epoch.
    OldDiskResumes,
    /// Who is sent to a supernode that it does not reach asks again as soon for ever.
    AskedAtOnce,
    /// A supernode that has been restarted grants by what it remembers.
    MemoryTrusted,
    /// A witness whose link is replaced by a better one while it is asked counts as one that knows nothing.
    AskedIsAnswered,
    /// Who shows another charter than it was told is not told again.
    ToldOnce,
    /// A lease counts for any group that has gone by its name.
    LeaseOfAnyCharter,
    /// Who knows nothing of a group believes the first supernode that says something of it.
    FirstWordBelieved,
    /// A host whom nobody has granted that is passed over, and so is who named it.
    FalseGrantBorne,
    /// A supernode that does not say who hosts is waited for.
    SilenceBorne,
    /// A node that nobody finds is on the ring for as long as somebody says that it is up.
    UnheardBelieved,
    /// A client believes of the mesh whatever it was told last.
    LastTellerBelieved,
    /// Who knows nothing of a group asks for it by the first table that it is told.
    FirstTableEnough,
    /// A lease counts though a higher one is known.
    LowerEpochObeyed,
    /// An entry is shown at each place it is found at.
    ShownTwice,
    /// A mesh node is listed without being dialled back.
    NotDialledBack,
    /// Anybody takes mesh nodes out of service.
    AnybodyBuries,
    /// Tables are not compared.
    TablesNotCompared,
    /// A supernode keeps the groups that are another's.
    GroupsKept,
    /// A new host confirms before those who were here under the last one have come to it.
    HeirsUnawaited,
    /// A host does not remember of which lines it has told that few disks have them.
    CopiesForgotten,
    /// A supernode hands over all groups that are another's at once.
    HandedOverAtOnce,
    /// Supernodes that learn of another one at once hand over to it at once.
    HandedOverTogether,
    /// Who is sent to another supernode stays where it is until its table says so too.
    SentOnInVain,
    /// A mesh is taken to be as large as somebody says.
    PhantomsCounted,
    /// In a large mesh nobody passes on who is dead, or has signed a later record.
    WordNotPassedOn,
    /// In a large mesh a node that is missed is watched no longer, and word of its death is none.
    MissedLetGo,
    /// In a large mesh a node that is missed and not watched stays missed.
    MissedForEver,
    /// Who is suspected is not told so.
    SuspectNotTold,
    /// A node that was called dead does not come back under a higher clock.
    NotRenewed,
    /// A line of a private talk is said to have arrived before it is on disk.
    HeardUnflushed,
    /// A line of a private talk that comes again is a line like any other.
    WhisperedTwice,
    /// What waits for somebody goes out once, and not again over the next link.
    WhisperedOnce,
    /// Anybody says of anybody that he is here.
    AnybodyIsHere,
    /// People who begin private talks are not counted.
    StrangersUncounted,
    /// Whoever begins a talk is told where we are.
    ShownToStrangers,
    /// Who is away from the screen does not say so to the next host.
    OutForgotten,
    /// A host tells at once who has left the screen or is back.
    OutToldAtOnce,
    /// It tells so again of whom nothing has changed.
    OutToldAgain,
    /// Who comes by an invitation takes whatever group has the name.
    AnyCharterInvites,
}

#[cfg(feature = "mutants")]
thread_local! {
    static BROKEN: Cell<Option<Mutant>> = const { Cell::new(None) };
}

/// Breaks a rule, in this thread, while `run` runs.
#[cfg(feature = "mutants")]
pub fn with<T>(mutant: Mutant, run: impl FnOnce() -> T) -> T {
    struct Mended;
    impl Drop for Mended {
        fn drop(&mut self) {
            BROKEN.set(None);
        }
    }
    BROKEN.set(Some(mutant));
    let _mended = Mended;
    run()
}

/// Whether this rule is broken.
#[cfg(feature = "mutants")]
pub(crate) fn is(mutant: Mutant) -> bool {
    BROKEN.get() == Some(mutant)
}

/// Whether this rule is broken: never.
#[cfg(not(feature = "mutants"))]
pub(crate) const fn is(_: Mutant) -> bool {
    false
}
