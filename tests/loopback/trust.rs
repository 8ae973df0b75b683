//! Nobody is taken for another: not when dialled, not when dialling.

use std::sync::Arc;

use fireside::identity::Identity;
use fireside::net::tls;
use fireside::proto::role::{Kind, Target};
use fireside::proto::wire::Reason;
use quinn::crypto::rustls::{QuicClientConfig, QuicServerConfig};
use rustls::client::ResolvesClientCert;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::ring::{default_provider, sign::any_eddsa_type};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{DigitallySignedStruct, SignatureScheme, version::TLS13};

use crate::puppet::{client, identity, message, supernode};
use crate::stranger;

/// Somebody else's certificate, which anybody can have, with one's own key, which is all one has.
#[derive(Debug)]
struct Forgery(Arc<CertifiedKey>);

impl Forgery {
    fn new(of: &Identity, by: &Identity) -> Self {
        let (certificate, _) = of.certificate();
        let (_, key) = by.certificate();
        let PrivateKeyDer::Pkcs8(key) = key else {
            unreachable!("our keys are PKCS#8");
        };
        let key = any_eddsa_type(&key).unwrap();
        Self(Arc::new(CertifiedKey::new(vec![certificate], key)))
    }
}

impl ResolvesServerCert for Forgery {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0))
    }
}

impl ResolvesClientCert for Forgery {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0))
    }

    fn has_certs(&self) -> bool {
        true
    }
}

/// A forger does not care who answers.
#[derive(Debug)]
struct Gullible;

impl ServerCertVerifier for Gullible {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ED25519]
    }
}

#[tokio::test]
async fn a_node_that_is_not_the_wanted_one_is_refused() {
    let mut node = supernode(20);
    let mut anna = client(21);
    let dial = anna
        .begin(Target::Node {
            address: node.address,
            id: Some(fireside::proto::seal::Seal::id(&identity(22))),
        })
        .await;
    let why = anna.undialled(dial).await;
    assert_eq!(why, Reason::WrongIdentity.to_string());
    // The right one, at the same address, is not.
    anna.link(&node).await;
    node.dialled_by(anna.id).await;
}

#[tokio::test]
async fn without_a_wanted_identity_the_link_says_who_it_is() {
    let mut node = supernode(23);
    let mut anna = client(24);
    let dial = anna
        .begin(Target::Node {
            address: node.address,
            id: None,
        })
        .await;
    let to_node = anna.linked(dial).await;
    let from_anna = node.dialled_by(anna.id).await;
    node.say(from_anna, message("#hello")).await;
    assert_eq!(anna.heard(to_node).await, message("#hello"));
}

#[tokio::test]
async fn a_forged_certificate_does_not_answer_for_its_victim() {
    let (victim, forger) = (identity(25), identity(26));
    let mut config = rustls::ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_protocol_versions(&[&TLS13])
        .unwrap()
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(Forgery::new(&victim, &forger)));
    config.alpn_protocols = vec![tls::alpn(Kind::Mesh).to_vec()];
    let config = QuicServerConfig::try_from(config).unwrap();
    let config = quinn::ServerConfig::with_crypto(Arc::new(config));
    let endpoint = quinn::Endpoint::server(config, "127.0.0.1:0".parse().unwrap()).unwrap();
    let address = endpoint.local_addr().unwrap();
    let answering = tokio::spawn(async move {
        let first = endpoint.accept().await.unwrap().await.is_ok();
        first || endpoint.accept().await.unwrap().await.is_ok()
    });

    let mut anna = client(27);
    for wanted in [Some(fireside::proto::seal::Seal::id(&victim)), None] {
        let dial = anna
            .begin(Target::Node {
                address,
                id: wanted,
            })
            .await;
        anna.undialled(dial).await;
    }
    assert!(!answering.await.unwrap(), "the forger got a connection");
}

#[tokio::test]
async fn a_forged_certificate_does_not_dial_as_its_victim() {
    let mut node = supernode(28);
    let (victim, forger) = (identity(29), identity(30));
    let mut config = rustls::ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_protocol_versions(&[&TLS13])
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Gullible))
        .with_client_cert_resolver(Arc::new(Forgery::new(&victim, &forger)));
    config.alpn_protocols = vec![tls::alpn(Kind::Mesh).to_vec()];
    let config = QuicClientConfig::try_from(config).unwrap();
    // The client's side of a TLS 1.3 handshake is done before the server has looked at its certificate.
    if let Ok((connection, _endpoint)) = stranger::dial(config, node.address).await {
        let code = stranger::close_code(&connection).await;
        assert!((0x100..0x200).contains(&code), "{code:#x} is no TLS alert");
    }
    let mut anna = client(31);
    anna.link(&node).await;
    node.dialled_by(anna.id).await;
    let told = format!("{:?}", node.unseen());
    assert!(!told.contains("Linked"), "{told}");
}

#[tokio::test]
async fn the_honest_twin_of_the_forger_gets_through() {
    // What the two tests above refuse is the forgery, and not the way it was made.
    let mut node = supernode(32);
    let honest = identity(33);
    let mut config = rustls::ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_protocol_versions(&[&TLS13])
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Gullible))
        .with_client_cert_resolver(Arc::new(Forgery::new(&honest, &honest)));
    config.alpn_protocols = vec![tls::alpn(Kind::Mesh).to_vec()];
    let config = QuicClientConfig::try_from(config).unwrap();
    let (connection, _endpoint) = stranger::dial(config, node.address).await.unwrap();
    let (mut send, _receive) = connection.open_bi().await.unwrap();
    send.write_all(b"c12345678").await.unwrap();
    node.dialled_by(fireside::proto::seal::Seal::id(&honest))
        .await;
}
