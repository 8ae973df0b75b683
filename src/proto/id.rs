//! The names of things: who, which group, which entry, and where in the order.

use std::fmt;

use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization;

use super::limits::{COUNT_MAX, GROUP_NAME_SIZE_MAX, NICK_SIZE_MAX, NODE_NAME_SIZE_MAX};
use super::seal::Hash;
use super::time::{Hlc, Wall};

/// An identity: an Ed25519 public key. Written as 52 characters of lower-case base32 (RFC 4648, no padding).
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct NodeId(pub [u8; 32]);

/// Why a name was refused, in words for a person.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    #[error("it is empty")]
    Empty,
    #[error("it is longer than {0} bytes")]
    TooLong(usize),
    #[error("a group's name begins with #")]
    NoHash,
    #[error("it may not begin with {0:?}")]
    BadStart(char),
    #[error("it may not contain {0:?}")]
    BadCharacter(char),
    #[error("it is not 52 characters of base32")]
    NotAKey,
}

impl NodeId {
    /// Reads the base32 form.
    ///
    /// # Errors
    /// [`NameError::NotAKey`] for anything but 52 characters of base32.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        let bytes = BASE32
            .decode(text.as_bytes())
            .map_err(|_| NameError::NotAKey)?;
        Ok(Self(bytes.try_into().map_err(|_| NameError::NotAKey)?))
    }

    /// The first eight characters, for logs and people; never for telling identities apart.
    #[must_use]
    pub fn short(&self) -> String {
        BASE32.encode(&self.0[..5]).to_lowercase()
    }
}

/// RFC 4648 base32 without padding: fits a DNS label (52 of 63 characters; hexadecimal would need 64).
const BASE32: data_encoding::Encoding = data_encoding::BASE32_NOPAD_NOCASE;

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&BASE32.encode(&self.0).to_lowercase())
    }
}

impl fmt::Debug for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.short())
    }
}

/// What a private talk's name begins with; no group's does.
const PERSON_SIGN: char = '@';
/// What stands between a group's root and its tag.
const TAG_SIGN: char = '~';
/// Characters of a tag: enough to tell the two or three groups apart that ever meet under one name.
const TAG_SIZE: usize = 4;

/// A group's name, folded: `#Hearth` and `#hearth` are one group. At most [`GROUP_NAME_SIZE_MAX`] bytes, and
/// `~tag` for a group that lost its name to another.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct GroupName(String);

impl GroupName {
    /// Normalises (NFC) and folds `text`, and checks it.
    ///
    /// # Errors
    /// A name is `#` and at least one more character, no blank, comma, control or other invisible character. `~`
    /// stands only before a tag, which is not chosen: it is four characters of a charter's hash.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        let folded: String = text
            .nfc()
            .collect::<String>()
            .to_lowercase()
            .nfc()
            .collect();
        let Some(rest) = folded.strip_prefix('#') else {
            return Err(if folded.is_empty() {
                NameError::Empty
            } else {
                NameError::NoHash
            });
        };
        if rest.is_empty() {
            return Err(NameError::Empty);
        }
        let (root, tag) = match folded.split_once(TAG_SIGN) {
            Some((root, tag)) => (root, Some(tag)),
            None => (folded.as_str(), None),
        };
        check(root, GROUP_NAME_SIZE_MAX, &[','])?;
        let is_tag = |tag: &str| {
            tag.len() == TAG_SIZE && tag.bytes().all(|b| matches!(b, b'a'..=b'z' | b'2'..=b'7'))
        };
        if root.len() < 2 || !tag.is_none_or(is_tag) {
            return Err(NameError::BadCharacter(TAG_SIGN));
        }
        Ok(Self(folded))
    }

    /// What a private talk goes by on this machine: `@` and the other person's key. It is no group's name: nothing
    /// that reads names, of a person or from a peer, takes it for one.
    #[must_use]
    pub fn of_person(person: &NodeId) -> Self {
        Self(format!("{PERSON_SIGN}{person}"))
    }

    /// Whose private talk it is, if it is one.
    #[must_use]
    pub fn person(&self) -> Option<NodeId> {
        NodeId::parse(self.0.strip_prefix(PERSON_SIGN)?).ok()
    }

    /// Reads a group's name, or what a private talk goes by: for what this machine itself wrote down.
    ///
    /// # Errors
    /// If it is neither.
    pub fn recall(text: &str) -> Result<Self, NameError> {
        match text.strip_prefix(PERSON_SIGN) {
            Some(key) => NodeId::parse(key).map(|person| Self::of_person(&person)),
            None => Self::parse(text),
        }
    }

    /// The name without its tag: what entries and charters are signed for.
    #[must_use]
    pub fn root(&self) -> &str {
        self.0
            .split_once(TAG_SIGN)
            .map_or(&self.0, |(root, _)| root)
    }

    /// What tells the group from the one that has the bare name.
    #[must_use]
    pub fn tag(&self) -> Option<&str> {
        self.0.split_once(TAG_SIGN).map(|(_, tag)| tag)
    }

    /// This name under the tag that the beginning of `hash` makes.
    #[must_use]
    pub fn tagged(&self, hash: &Hash) -> Self {
        let tag = BASE32.encode(&hash.0[..5]).to_lowercase();
        Self(format!("{}{TAG_SIGN}{}", self.root(), &tag[..TAG_SIZE]))
    }

    /// Whether the group of this name is called `other`, or was before it got its tag.
    #[must_use]
    pub fn is_or_was(&self, other: &Self) -> bool {
        self == other || other.0 == self.root()
    }

    /// This name without its tag.
    #[must_use]
    pub fn bare(&self) -> Self {
        Self(self.root().to_owned())
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A label people choose for themselves. Never an identity: that is the [`NodeId`].
/// At most [`NICK_SIZE_MAX`] bytes.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Nick(String);

impl Nick {
    /// Normalises (NFC) and checks `text`.
    ///
    /// # Errors
    /// No blank, comma, control or invisible character, and no first character that means something else
    /// where nicks are typed (`#`, `/`, `@`, `:`, `*`, `~`, `+`, `-`).
    pub fn parse(text: &str) -> Result<Self, NameError> {
        let nick: String = text.nfc().collect();
        match nick.chars().next() {
            None => return Err(NameError::Empty),
            Some(first) if "#/@:*~+-".contains(first) => return Err(NameError::BadStart(first)),
            Some(_) => {}
        }
        check(&nick, NICK_SIZE_MAX, &[',', '!', '@'])?;
        Ok(Self(nick))
    }

    /// What to call somebody whose nick is not known: the beginning of the key.
    #[must_use]
    pub fn of_key(key: &NodeId) -> Self {
        Self(key.short())
    }

    /// This nick with the beginning of a key behind it, where the nick alone could be somebody else.
    #[must_use]
    pub fn tagged(&self, key: &NodeId) -> Self {
        let tag = &key.short()[..TAG_SIZE];
        let tagged = format!("{}{TAG_SIGN}{tag}", self.0);
        Self::parse(&tagged).unwrap_or_else(|_| Self::of_key(key))
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What must be unique in a group: case folded and reduced to the skeleton of look-alikes (UTS #39), so
    /// that nobody can be `аnna` with a Cyrillic letter beside `anna`.
    #[must_use]
    pub fn folded(&self) -> String {
        let lower = self.0.nfkc().collect::<String>().to_lowercase();
        unicode_security::skeleton(&lower)
            .collect::<String>()
            .to_lowercase()
    }
}

/// The unique name of a mesh node in the table; it belongs to the first key that carried it.
/// At most [`NODE_NAME_SIZE_MAX`] bytes.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct NodeName(String);

impl NodeName {
    /// Checks `text`.
    ///
    /// # Errors
    /// No blank, comma, control or invisible character.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        if text.is_empty() {
            return Err(NameError::Empty);
        }
        check(text, NODE_NAME_SIZE_MAX, &[','])?;
        Ok(Self(text.to_owned()))
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What all names share: a size, and no character that is not seen or that moves others about.
fn check(name: &str, size_max: usize, refused: &[char]) -> Result<(), NameError> {
    if name.len() > size_max {
        return Err(NameError::TooLong(size_max));
    }
    match name.chars().find(|&c| refused.contains(&c) || !is_plain(c)) {
        Some(bad) => Err(NameError::BadCharacter(bad)),
        None => Ok(()),
    }
}

/// Whether a character stands for itself: not a blank, not a control, not a format or filler character that
/// hides, reorders or joins (the invisible ones of UTS #39 and the bidi controls of UAX #9), not private use.
fn is_plain(c: char) -> bool {
    let hidden = matches!(u32::from(c),
        0xAD | 0x34F | 0x61C | 0x115F | 0x1160 | 0x17B4 | 0x17B5 | 0x180B..=0x180F | 0x200B..=0x200F
        | 0x2028..=0x202E | 0x2060..=0x206F | 0x2800 | 0x3164 | 0xFE00..=0xFE0F | 0xFEFF | 0xFFA0
        | 0xFFF0..=0xFFFF | 0xE000..=0xF8FF | 0x1D173..=0x1D17A | 0xE0000..=0x10FFFF);
    !(hidden || c.is_control() || c.is_whitespace())
}

macro_rules! name_traits {
    ($($name:ident),*) => {$(
        impl TryFrom<String> for $name {
            type Error = NameError;
            fn try_from(text: String) -> Result<Self, NameError> {
                Self::parse(&text)
            }
        }
        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.0
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    )*};
}
name_traits!(GroupName, Nick, NodeName);

/// The number of an entry among its author's entries in one group: it grows by one, without gaps, but where
/// the author's process started anew.
///
/// A process cannot know whether its disk has all that it said before: it may be an old copy, or a new one. So
/// each run begins at a number of its own, taken from the clock and marked by its low bits, and never gives one
/// that its author's past may have given to something else.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Number(pub u64);

/// Low bits of a number that count within a run; one that says more goes on into what its clock will say later:
/// nobody says 256 lines in 4 ms for long.
const RUN_BITS: u32 = 8;
/// The time that the upper bits count, in milliseconds: shorter than it takes to start a process.
const RUN_TICK_MS: u64 = 4;
/// 2025-01-01 UTC, in milliseconds: the upper bits count from there, and last for a century.
const RUNS_SINCE_MS: u64 = 1_735_689_600_000;

impl Number {
    /// The first number of a run that begins at `wall`, above `known`; `chance` tells apart the runs of one whose
    /// clock is behind what it knows.
    #[must_use]
    pub fn of_run(wall: Wall, known: Self, chance: u64) -> Self {
        let by_clock = wall.0.saturating_sub(RUNS_SINCE_MS) / RUN_TICK_MS;
        let known_run = known.0 >> RUN_BITS;
        let run = if by_clock > known_run {
            by_clock
        } else {
            known_run + 1 + chance
        };
        Self((run << RUN_BITS | 1).min(COUNT_MAX))
    }

    /// Whether this may be an author's next number after `last`.
    #[must_use]
    pub fn follows(self, last: Self) -> bool {
        let begins_run = self.0 & ((1 << RUN_BITS) - 1) == 1;
        self.0 == last.0 + 1 || begins_run && self > last
    }
}

/// The number of an entry in the line of one epoch: 1, 2, 3 ... without gaps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Seq(pub u64);

/// A message's id for ever, given by its author and kept through handover and merge.
/// Written `<author>.<number>`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct EntryId {
    pub author: NodeId,
    pub number: Number,
}

/// A term of office, which names its holder: only `host` writes the line of this epoch.
/// Compared by number, then by host. The field says view, term, or fencing number.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Epoch {
    pub number: u64,
    pub host: NodeId,
}

/// Where an entry stands in a group's log; the derived order *is* the log's order on every member.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Place {
    pub hlc: Hlc,
    pub epoch: Epoch,
    pub seq: Seq,
}

impl Place {
    /// Bytes (here: text) that sort as places do; the same on every member.
    #[must_use]
    pub fn order(&self) -> String {
        let host = data_encoding::HEXLOWER.encode(&self.epoch.host.0[..8]);
        format!(
            "{}{:016x}{host}{:08x}",
            self.hlc, self.epoch.number, self.seq.0
        )
    }
}

impl fmt::Display for EntryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.author, self.number.0)
    }
}

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.number, self.host.short())
    }
}

impl fmt::Debug for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_reads_back_from_its_written_form_in_either_case() {
        let id = NodeId([7; 32]);
        let text = id.to_string();
        assert_eq!(text.len(), 52);
        assert_eq!(NodeId::parse(&text), Ok(id));
        assert_eq!(NodeId::parse(&text.to_uppercase()), Ok(id));
        assert_eq!(NodeId::parse("nonsense"), Err(NameError::NotAKey));
    }

    #[test]
    fn a_run_begins_above_all_that_is_known_and_whatever_the_clock_says() {
        let now = Wall(RUNS_SINCE_MS + 1_000_000);
        let first = Number::of_run(now, Number(0), 7);
        assert!(first.follows(Number(0)) && first.follows(Number(3)));
        let second = Number(first.0 + 1);
        assert!(second.follows(first) && !second.follows(Number(0)));
        let again = Number::of_run(Wall(now.0 + RUN_TICK_MS), second, 7);
        assert!(again.follows(second) && !second.follows(again));
        let set_back = Number::of_run(Wall(0), again, 7);
        assert!(set_back.follows(again));
        assert_ne!(set_back, Number::of_run(Wall(0), again, 8));
    }

    #[test]
    fn group_names_fold_and_refuse_what_cannot_be_typed_or_seen() {
        assert_eq!(GroupName::parse("#Hearth"), GroupName::parse("#hearth"));
        assert_eq!(
            GroupName::parse("#ÉTÉ").map(String::from),
            Ok("#été".to_owned())
        );
        for (text, why) in [
            ("", NameError::Empty),
            ("#", NameError::Empty),
            ("hearth", NameError::NoHash),
            ("#a b", NameError::BadCharacter(' ')),
            ("#a,b", NameError::BadCharacter(',')),
            ("#a\u{202e}b", NameError::BadCharacter('\u{202e}')),
            ("#a\u{1b}[2J", NameError::BadCharacter('\u{1b}')),
            ("#a~b", NameError::BadCharacter('~')),
            ("#a~ab1d", NameError::BadCharacter('~')),
            ("#a~abcd~abcd", NameError::BadCharacter('~')),
            ("#~abcd", NameError::BadCharacter('~')),
        ] {
            assert_eq!(GroupName::parse(text), Err(why), "{text:?}");
        }
        let tagged = GroupName::parse("#Hearth~K3PW").unwrap();
        assert_eq!((tagged.root(), tagged.tag()), ("#hearth", Some("k3pw")));
        let other = tagged.tagged(&Hash([0; 32]));
        assert_eq!(other.as_str(), "#hearth~aaaa");
        assert_eq!(GroupName::parse(other.as_str()), Ok(other));
        assert!(GroupName::parse(&format!("#{}", "x".repeat(63))).is_ok());
        assert_eq!(
            GroupName::parse(&format!("#{}", "x".repeat(64))),
            Err(NameError::TooLong(GROUP_NAME_SIZE_MAX))
        );
    }

    #[test]
    fn a_private_talk_is_named_by_a_key_and_is_no_group() {
        let id = NodeId([7; 32]);
        let name = GroupName::of_person(&id);
        assert_eq!(name.person(), Some(id));
        assert_eq!(GroupName::recall(name.as_str()), Ok(name.clone()));
        assert_eq!(GroupName::parse(name.as_str()), Err(NameError::NoHash));
        assert!(GroupName::try_from(name.as_str().to_owned()).is_err());
        let hearth = GroupName::recall("#hearth").unwrap();
        assert_eq!(hearth.person(), None);
        assert_eq!(GroupName::recall("@bob"), Err(NameError::NotAKey));
    }

    #[test]
    fn nicks_that_look_alike_fold_together() {
        let anna = Nick::parse("anna").unwrap();
        for twin in ["Anna", "ANNA", "\u{430}nna", "ａnna"] {
            assert_eq!(Nick::parse(twin).unwrap().folded(), anna.folded(), "{twin}");
        }
        assert_ne!(Nick::parse("hanna").unwrap().folded(), anna.folded());
        for bad in [
            "",
            "#anna",
            "an na",
            "an\u{200b}na",
            "/quit",
            "an\u{202e}na",
        ] {
            assert!(Nick::parse(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn the_written_order_sorts_as_places_do() {
        let place = |hlc, number, seq| Place {
            hlc: Hlc(hlc),
            epoch: Epoch {
                number,
                host: NodeId([9; 32]),
            },
            seq: Seq(seq),
        };
        let places = [
            place(1, 9, 9),
            place(2, 1, 5),
            place(2, 2, 1),
            place(2, 2, 10),
            place(1 << 40, 1, 1),
        ];
        assert!(places.is_sorted());
        assert!(places.iter().map(Place::order).is_sorted());
    }
}
