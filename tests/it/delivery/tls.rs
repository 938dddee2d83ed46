//! What can go wrong between two who encrypt, and that it goes right with an authority that the system knows.

use std::io::{BufReader, Read, Write};
use std::sync::Arc;

use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use super::child;
use super::scene::{Becomes, Faulty, either};
use crate::support::receiver::{Receiver, read_request};

/// A server with a certificate that no system trusts; it takes everything.
fn server() -> Faulty {
    let config = config();
    let server = Receiver::on_the_wire(move |stream| {
        let connection = ServerConnection::new(Arc::clone(&config)).unwrap();
        let mut reader = BufReader::new(StreamOwned::new(connection, stream));
        while read_request(&mut reader)?.is_some() {
            reader
                .get_mut()
                .write_all(b"HTTP/1.1 200 \r\ncontent-length: 0\r\n\r\n")?;
        }
        Ok(None)
    });
    https(Faulty::server(server))
}

fn config() -> Arc<ServerConfig> {
    let certificate = CertificateDer::from(&include_bytes!("../../fixtures/tls/server.der")[..]);
    let key = PrivatePkcs8KeyDer::from(&include_bytes!("../../fixtures/tls/server.key.der")[..]);
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key.into());
    Arc::new(config.unwrap())
}

fn https(mut faulty: Faulty) -> Faulty {
    faulty.url = faulty.url.replace("http:", "https:");
    faulty
}

#[test]
fn a_certificate_that_nobody_vouches_for() {
    // With native-tls, reqwest takes that; these are OpenSSL's words.
    let reason = match cfg!(feature = "native-tls") {
        true => "certificate verify failed",
        false => "invalid peer certificate: UnknownIssuer",
    };
    let line = format!("sending fails and is tried again: cannot connect to {{host}}: {reason}");
    either(server, &line, Becomes::SentAgain);
}

/// The same server, trusted: what the test above sees is the certificate's fault alone.
#[test]
fn a_certificate_that_the_system_vouches_for() {
    let server = server();
    let authority = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/tls/ca.pem");
    let said = child::run(&[
        ("LANGFUSE_BASE_URL", &server.url.replace("127.0.0.1", "localhost")),
        ("SSL_CERT_FILE", authority),
    ]);
    assert_eq!(
        said,
        ["langfuse: 1 offered = 1 exported + 0 failed + 0 dropped + 0 queued"]
    );
}

#[test]
fn https_to_a_server_that_speaks_http() {
    let line = "sending fails and is tried again: cannot connect to {host}: it does not speak TLS (does it want http://?)";
    let plain = || {
        https(Faulty::server(Receiver::on_the_wire(|mut stream| {
            let _ = stream.read(&mut [0; 1 << 16])?;
            stream.write_all(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")?;
            Ok(None)
        })))
    };
    either(plain, line, Becomes::SentAgain);
}

#[test]
fn http_to_a_server_that_speaks_https() {
    let line = "sending fails and is tried again: no answer from {host}: invalid HTTP version parsed";
    let encrypted = || {
        let mut server = server();
        server.url = server.url.replace("https:", "http:");
        server
    };
    either(encrypted, line, Becomes::SentAgainAmbiguous);
}
