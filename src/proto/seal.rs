//! Signing and checking signatures, as a capability handed in: Ed25519 in the product, a cheap stand-in with
//! the same shape in the simulator (thousands of worlds would otherwise spend their time on curves).

use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::id::NodeId;

/// A detached signature, 64 bytes (Ed25519, RFC 8032).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Signature(pub [u8; 64]);

/// Our own key, and the means to check what others signed.
pub trait Seal: Send + Sync + fmt::Debug {
    /// The public half of our key.
    fn id(&self) -> NodeId;
    /// Signs `bytes` with our key. Every caller puts a domain word first, so that a signature of one kind of
    /// thing can never be shown as another.
    fn sign(&self, bytes: &[u8]) -> Signature;
    /// Whether `signature` is `who`'s over `bytes`.
    fn verify(&self, who: &NodeId, bytes: &[u8], signature: &Signature) -> bool;
}

/// SHA-256 of something, for hash chains and table digests.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Hash(pub [u8; 32]);

impl Hash {
    /// The hash of the parts, one after the other.
    #[must_use]
    pub fn of(parts: &[&[u8]]) -> Self {
        let mut hasher = Sha256::new();
        for part in parts {
            hasher.update(part);
        }
        Self(hasher.finalize().into())
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", data_encoding::HEXLOWER.encode(&self.0[..6]))
    }
}

impl fmt::Debug for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", data_encoding::HEXLOWER.encode(&self.0[..6]))
    }
}

// serde derives arrays only up to 32 elements; a signature travels as two halves.
impl Serialize for Signature {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let (low, high) = self.0.split_at(32);
        let halves: ([u8; 32], [u8; 32]) = (
            low.try_into().expect("32 of 64 bytes"),
            high.try_into().expect("32 of 64 bytes"),
        );
        halves.serialize(to)
    }
}

impl<'de> Deserialize<'de> for Signature {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let (low, high) = <([u8; 32], [u8; 32])>::deserialize(from)?;
        let mut bytes = [0; 64];
        bytes[..32].copy_from_slice(&low);
        bytes[32..].copy_from_slice(&high);
        Ok(Self(bytes))
    }
}
