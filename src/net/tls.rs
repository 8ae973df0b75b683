//! Who is at the other end: mutual TLS 1.3 in which a certificate is nothing but a wrapper around a public key.
//!
//! There is no authority: the dialling end checks that the key is the one it wants, the accepting end learns
//! which key it is, and both check the proof that the other holds the private half.

use std::sync::Arc;

use quinn::crypto::rustls::{HandshakeData, QuicClientConfig, QuicServerConfig};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring::default_provider, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::NoServerSessionStorage;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, PeerIncompatible,
    SignatureScheme, version::TLS13,
};

use crate::identity::Identity;
use crate::proto::id::NodeId;
use crate::proto::role::Kind;

/// RFC 2606 reserves it, so that no such name ever resolves.
const DOMAIN: &str = ".fireside.invalid";
/// Stands for "whoever answers", when only an address is known.
const ANYBODY: &str = "anybody.fireside.invalid";
/// What stands before the 32 bytes of an Ed25519 key in a certificate (RFC 8410, section 4).
const SPKI_PREFIX: [u8; 12] = [
    0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00,
];
/// CRYPTO_ERROR (RFC 9001, section 4.8) with TLS's access_denied: how the verifier below refuses an identity.
const ACCESS_DENIED: u64 = 0x100 + 49;

/// The protocol that a link of this kind speaks.
#[must_use]
pub fn alpn(kind: Kind) -> &'static [u8] {
    match kind {
        Kind::Mesh => b"fireside-mesh/1",
        Kind::Peer => b"fireside-peer/1",
    }
}

/// The TLS server name under which the dialling end's verifier finds whom it wants.
/// It is never sent: SNI is off, so that nobody on the way reads who is being called.
#[must_use]
pub fn server_name(wanted: Option<NodeId>) -> String {
    match wanted {
        Some(id) => format!("{id}{DOMAIN}"),
        None => ANYBODY.to_owned(),
    }
}

/// For dialling links of `kind`. One configuration serves for all identities.
///
/// # Panics
/// Never: the provider has TLS 1.3, and the certificate fits its key.
#[must_use]
pub fn client(identity: &Identity, kind: Kind) -> QuicClientConfig {
    let (certificate, key) = identity.certificate();
    let pinned = Arc::new(Pinned::default());
    let mut config = rustls::ClientConfig::builder_with_provider(Arc::clone(&pinned.0))
        .with_protocol_versions(&[&TLS13])
        .expect("ring has TLS 1.3")
        .dangerous()
        .with_custom_certificate_verifier(pinned)
        .with_client_auth_cert(vec![certificate], key)
        .expect("the certificate is for this key");
    config.alpn_protocols = vec![alpn(kind).to_vec()];
    config.enable_sni = false;
    // A fresh proof of the key each time: resuming would save nothing at one round trip.
    config.resumption = rustls::client::Resumption::disabled();
    QuicClientConfig::try_from(config).expect("TLS 1.3 with ring has the initial cipher suite")
}

/// For accepting links of `kind`.
///
/// # Panics
/// Never: the provider has TLS 1.3, and the certificate fits its key.
#[must_use]
pub fn server(identity: &Identity, kind: Kind) -> QuicServerConfig {
    let (certificate, key) = identity.certificate();
    let pinned = Arc::new(Pinned::default());
    let mut config = rustls::ServerConfig::builder_with_provider(Arc::clone(&pinned.0))
        .with_protocol_versions(&[&TLS13])
        .expect("ring has TLS 1.3")
        .with_client_cert_verifier(pinned)
        .with_single_cert(vec![certificate], key)
        .expect("the certificate is for this key");
    config.alpn_protocols = vec![alpn(kind).to_vec()];
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    QuicServerConfig::try_from(config).expect("TLS 1.3 with ring has the initial cipher suite")
}

/// Who is at the other end, once the handshake is done and the protocol is the one of `kind`.
pub(super) fn peer_of(connection: &quinn::Connection, kind: Kind) -> Option<NodeId> {
    let handshake = connection
        .handshake_data()?
        .downcast::<HandshakeData>()
        .ok()?;
    if handshake.protocol.as_deref() != Some(alpn(kind)) {
        return None;
    }
    let chain = connection
        .peer_identity()?
        .downcast::<Vec<CertificateDer<'static>>>()
        .ok()?;
    id_of(chain.first()?).ok()
}

/// Whether a dial failed because somebody else answered.
pub(super) fn is_wrong_identity(error: &quinn::ConnectionError) -> bool {
    matches!(error, quinn::ConnectionError::TransportError(error) if u64::from(error.code) == ACCESS_DENIED)
}

/// The key in a certificate; anything but Ed25519 is refused.
fn id_of(certificate: &CertificateDer<'_>) -> Result<NodeId, Error> {
    let bad = |error| Error::InvalidCertificate(error);
    let spki = webpki::EndEntityCert::try_from(certificate)
        .map_err(|_| bad(CertificateError::BadEncoding))?
        .subject_public_key_info();
    spki.strip_prefix(&SPKI_PREFIX)
        .and_then(|key| key.try_into().ok())
        .map(NodeId)
        .ok_or_else(|| bad(CertificateError::BadEncoding))
}

/// Checks the one certificate the other end shows.
#[derive(Debug)]
struct Pinned(Arc<CryptoProvider>);

impl Default for Pinned {
    /// With a provider of its own: the process-wide one is ambiguous as soon as any crate brings a second.
    fn default() -> Self {
        Self(Arc::new(default_provider()))
    }
}

impl Pinned {
    fn id(end_entity: &CertificateDer<'_>, others: &[CertificateDer<'_>]) -> Result<NodeId, Error> {
        if !others.is_empty() {
            return Err(Error::InvalidCertificate(CertificateError::UnknownIssuer));
        }
        id_of(end_entity)
    }

    /// The proof that the other end holds the private half of the key in its certificate.
    fn proof(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }
}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let found = Self::id(end_entity, intermediates)?;
        let name = server_name.to_str();
        if name == ANYBODY {
            return Ok(ServerCertVerified::assertion());
        }
        let wanted = name
            .strip_suffix(DOMAIN)
            .and_then(|id| NodeId::parse(id).ok());
        if wanted == Some(found) {
            Ok(ServerCertVerified::assertion())
        } else {
            let refused = CertificateError::ApplicationVerificationFailure;
            Err(Error::InvalidCertificate(refused))
        }
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(PeerIncompatible::Tls13RequiredForQuic.into())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.proof(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ED25519]
    }
}

impl ClientCertVerifier for Pinned {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        Self::id(end_entity, intermediates)?;
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(PeerIncompatible::Tls13RequiredForQuic.into())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.proof(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ED25519]
    }
}
