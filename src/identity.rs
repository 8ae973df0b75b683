//! Who we are: an Ed25519 key in a file that only we can read.
//!
//! The file is a PKCS#8 private key in PEM (RFC 8410), as `openssl genpkey -algorithm ed25519` writes it, so that
//! it can be looked at, kept and made with the tools people have.

use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use data_encoding::BASE64;
use ring::hkdf;
use ring::rand::{SecureRandom, SystemRandom};
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};

use crate::proto::id::NodeId;
use crate::proto::seal::{Seal, Signature};

/// What stands before the 32 bytes of the seed in PKCS#8 version 1 (RFC 8410, section 7).
const PKCS8_PREFIX: [u8; 16] = [
    0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20,
];
const PEM_BEGIN: &str = "-----BEGIN PRIVATE KEY-----";
const PEM_END: &str = "-----END PRIVATE KEY-----";
/// A key file has 119 bytes; anything much longer is something else and is not read to its end.
const FILE_SIZE_MAX: u64 = 4096;

/// An Ed25519 key pair. Its public half is the [`NodeId`].
pub struct Identity {
    seed: [u8; 32],
    pair: Ed25519KeyPair,
}

/// Why there is no identity; each one says what failed, why, and what to try.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(
        "cannot read the identity key {}: {cause}; check who may read it, or choose another directory with --data",
        path.display()
    )]
    Unreadable { path: PathBuf, cause: io::Error },
    #[error(
        "cannot use the identity key {}: {why}; restore it from a backup, or move it away to become somebody new",
        path.display()
    )]
    Damaged { path: PathBuf, why: &'static str },
    #[error(
        "cannot trust the identity key {}: others on this machine may read it; run chmod 600 on it if nobody has",
        path.display()
    )]
    Exposed { path: PathBuf },
    #[error(
        "cannot write an identity key to {}: {cause}; choose another directory with --data",
        path.display()
    )]
    Unwritable { path: PathBuf, cause: io::Error },
    #[error("cannot make an identity key: the system gives no random bytes; try again later")]
    NoRandomness,
}

impl Identity {
    /// The identity in the file at `path`; at first start it is made. An existing file is never written to.
    ///
    /// A file that others may read is refused rather than repaired: whether somebody has read it is a question
    /// that only its owner can answer.
    ///
    /// # Errors
    /// When the file cannot be read or made, is not a key, or is open to others.
    pub fn load_or_create(path: &Path) -> Result<Self, Error> {
        match load(path) {
            Err(Error::Unreadable { cause, .. }) if cause.kind() == io::ErrorKind::NotFound => {}
            loaded => return loaded.map(Self::from_seed),
        }
        let mut seed = [0; 32];
        SystemRandom::new()
            .fill(&mut seed)
            .map_err(|_| Error::NoRandomness)?;
        match create(path, &seed) {
            Ok(()) => Ok(Self::from_seed(seed)),
            // Another process was faster: that is who we are.
            Err(cause) if cause.kind() == io::ErrorKind::AlreadyExists => {
                load(path).map(Self::from_seed)
            }
            Err(cause) => Err(Error::Unwritable {
                path: path.to_owned(),
                cause,
            }),
        }
    }

    /// The identity that this seed stands for.
    #[must_use]
    pub fn from_seed(seed: [u8; 32]) -> Self {
        let pair = Ed25519KeyPair::from_seed_unchecked(&seed)
            .expect("any 32 bytes are an Ed25519 seed (RFC 8032, section 5.1.5)");
        Self { seed, pair }
    }

    /// Self-signed, for TLS: the other end looks at the key in it and at nothing else.
    ///
    /// # Panics
    /// Never: the key and the name in it are of a fixed, valid form.
    #[must_use]
    pub fn certificate(&self) -> (CertificateDer<'static>, PrivateKeyDer<'static>) {
        let key = PrivatePkcs8KeyDer::from(self.pkcs8());
        let pair = rcgen::KeyPair::from_pkcs8_der_and_sign_algo(&key, &rcgen::PKCS_ED25519)
            .expect("a PKCS#8 key we wrote");
        let certificate = rcgen::CertificateParams::new(vec!["fireside.invalid".to_owned()])
            .and_then(|params| params.self_signed(&pair))
            .expect("a fixed name and a good key");
        (certificate.der().clone(), key.into())
    }

    /// A secret for one purpose, the same after a restart (HKDF, RFC 5869). It tells nothing of the key.
    #[must_use]
    pub(crate) fn derive(&self, purpose: &str) -> [u8; 32] {
        let mut secret = [0; 32];
        hkdf::Salt::new(hkdf::HKDF_SHA256, b"fireside identity 1")
            .extract(&self.seed)
            .expand(&[purpose.as_bytes()], hkdf::HKDF_SHA256)
            .and_then(|okm| okm.fill(&mut secret))
            .expect("one block of output is always granted");
        secret
    }

    fn pkcs8(&self) -> Vec<u8> {
        [&PKCS8_PREFIX[..], &self.seed].concat()
    }
}

impl Seal for Identity {
    fn id(&self) -> NodeId {
        let bytes = self.pair.public_key().as_ref();
        NodeId(bytes.try_into().expect("an Ed25519 key has 32 bytes"))
    }

    fn sign(&self, bytes: &[u8]) -> Signature {
        let signature = self.pair.sign(bytes);
        Signature(
            signature
                .as_ref()
                .try_into()
                .expect("an Ed25519 signature has 64 bytes"),
        )
    }

    fn verify(&self, who: &NodeId, bytes: &[u8], signature: &Signature) -> bool {
        UnparsedPublicKey::new(&ED25519, &who.0)
            .verify(bytes, &signature.0)
            .is_ok()
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Identity({})", self.id().short())
    }
}

fn load(path: &Path) -> Result<[u8; 32], Error> {
    let unreadable = |cause| Error::Unreadable {
        path: path.to_owned(),
        cause,
    };
    let file = File::open(path).map_err(unreadable)?;
    if is_open_to_others(&file).map_err(unreadable)? {
        return Err(Error::Exposed {
            path: path.to_owned(),
        });
    }
    let mut bytes = Vec::new();
    file.take(FILE_SIZE_MAX)
        .read_to_end(&mut bytes)
        .map_err(unreadable)?;
    parse(&bytes).map_err(|why| Error::Damaged {
        path: path.to_owned(),
        why,
    })
}

fn parse(bytes: &[u8]) -> Result<[u8; 32], &'static str> {
    if bytes.is_empty() {
        return Err("it is empty");
    }
    let text = std::str::from_utf8(bytes).map_err(|_| "it is not text")?;
    let base64: String = text
        .trim()
        .strip_prefix(PEM_BEGIN)
        .ok_or("it does not begin as a PEM private key")?
        .strip_suffix(PEM_END)
        .ok_or("its end is missing")?
        .split_ascii_whitespace()
        .collect();
    let der = BASE64
        .decode(base64.as_bytes())
        .map_err(|_| "its base64 is damaged")?;
    let seed = der
        .strip_prefix(&PKCS8_PREFIX)
        .ok_or("it is not an Ed25519 key in PKCS#8")?;
    seed.try_into()
        .map_err(|_| "its key does not have 32 bytes")
}

/// Puts a whole file in place or none: a process that dies half-way leaves no truncated key behind, and a link
/// fails where a rename would overwrite.
fn create(path: &Path, seed: &[u8; 32]) -> io::Result<()> {
    let directory = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    create_private_directory(directory)?;
    let draft = path.with_extension(format!("{}.draft", std::process::id()));
    let der = [&PKCS8_PREFIX[..], seed].concat();
    let text = format!("{PEM_BEGIN}\n{}\n{PEM_END}\n", BASE64.encode(&der));
    match fs::remove_file(&draft) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Err(_) | Ok(()) => {}
    }
    let linked = write_private(&draft, &text).and_then(|()| match fs::hard_link(&draft, path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
            // Some file systems (FAT, some network ones) have no links.
            write_private(path, &text)
        }
        linked => linked,
    });
    let removed = fs::remove_file(&draft);
    linked?;
    removed?;
    sync_directory(directory)
}

fn write_private(path: &Path, text: &str) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

fn create_private_directory(directory: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(directory)
}

#[cfg(unix)]
fn sync_directory(directory: &Path) -> io::Result<()> {
    File::open(directory)?.sync_all()
}

/// Elsewhere a directory cannot be opened as a file, and the file system keeps its own journal.
#[cfg(not(unix))]
fn sync_directory(_: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(unix)]
fn is_open_to_others(file: &File) -> io::Result<bool> {
    use std::os::unix::fs::PermissionsExt;
    Ok(file.metadata()?.permissions().mode() & 0o077 != 0)
}

/// Elsewhere a file in a person's own directory inherits that directory's rights.
#[cfg(not(unix))]
fn is_open_to_others(_: &File) -> io::Result<bool> {
    Ok(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_made_once_and_read_ever_after() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("state/fireside/identity.pem");
        let made = Identity::load_or_create(&path).unwrap();
        let text = fs::read_to_string(&path).unwrap();
        let read = Identity::load_or_create(&path).unwrap();
        assert_eq!(made.id(), read.id());
        assert_eq!(fs::read_to_string(&path).unwrap(), text);
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
    }

    #[test]
    #[cfg(unix)]
    fn nobody_else_can_read_the_key_and_an_exposed_one_is_refused() {
        use std::os::unix::fs::PermissionsExt;
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("new/identity.pem");
        Identity::load_or_create(&path).unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&path), 0o600);
        assert_eq!(mode(path.parent().unwrap()), 0o700);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        let error = Identity::load_or_create(&path).unwrap_err();
        assert!(matches!(error, Error::Exposed { .. }), "{error}");
    }

    #[test]
    fn a_damaged_key_is_refused_with_a_reason_and_left_as_it_is() {
        let directory = tempfile::tempdir().unwrap();
        let good = directory.path().join("good.pem");
        Identity::load_or_create(&good).unwrap();
        let good = fs::read_to_string(&good).unwrap();
        let halved = &good[..good.len() / 2];
        let not_a_key = good.replace("MC4CAQAwBQYDK2VwBCIEI", "MC4CAQAwBQYDK2VuBCIEI");
        let one_byte_less = format!("{PEM_BEGIN}\n{}\n{PEM_END}\n", {
            let der = [&PKCS8_PREFIX[..], &[7; 31]].concat();
            BASE64.encode(&der)
        });
        for (text, why) in [
            ("", "it is empty"),
            ("hello", "it does not begin as a PEM private key"),
            (halved, "its end is missing"),
            (&good.replace("MC4", "M*4"), "its base64 is damaged"),
            (&not_a_key, "it is not an Ed25519 key in PKCS#8"),
            (&one_byte_less, "its key does not have 32 bytes"),
        ] {
            let path = directory.path().join("identity.pem");
            write_private(&path, text).unwrap();
            let error = Identity::load_or_create(&path).unwrap_err();
            assert!(error.to_string().contains(why), "{error}");
            assert_eq!(fs::read_to_string(&path).unwrap(), text);
            fs::remove_file(&path).unwrap();
        }
    }

    #[test]
    fn a_directory_in_place_of_the_key_is_an_error() {
        let directory = tempfile::tempdir().unwrap();
        assert!(Identity::load_or_create(directory.path()).is_err());
    }

    #[test]
    fn the_id_is_the_public_key_of_rfc_8032_and_signatures_hold_for_it_alone() {
        // RFC 8032, section 7.1, test 1.
        let seed = "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60";
        let public = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";
        let hex = |text: &str| data_encoding::HEXLOWER.decode(text.as_bytes()).unwrap();
        let anna = Identity::from_seed(hex(seed).try_into().unwrap());
        assert_eq!(anna.id().0.to_vec(), hex(public));
        let bert = Identity::from_seed([2; 32]);
        let signature = anna.sign(b"a line");
        assert!(bert.verify(&anna.id(), b"a line", &signature));
        assert!(!bert.verify(&anna.id(), b"another", &signature));
        assert!(!bert.verify(&bert.id(), b"a line", &signature));
    }

    #[test]
    fn derived_secrets_are_stable_and_differ_by_purpose_and_key() {
        let (anna, bert) = (Identity::from_seed([1; 32]), Identity::from_seed([2; 32]));
        assert_eq!(
            anna.derive("reset"),
            Identity::from_seed([1; 32]).derive("reset")
        );
        assert_ne!(anna.derive("reset"), anna.derive("cid"));
        assert_ne!(anna.derive("reset"), bert.derive("reset"));
    }
}
