//! Whom a destination must be certified by, and who we are to it.

use std::fmt;

use reqwest::ClientBuilder;

use crate::error::{Error, Kind};

/// Certificates as PEM. Nothing of them is shown.
#[derive(Clone, PartialEq, Eq, Default)]
pub(crate) struct Tls {
    /// Those that sign for destinations, in place of the system's.
    pub(crate) roots: Option<Vec<u8>>,
    /// Our own certificate and its key, for a destination that asks who we are.
    pub(crate) identity: Option<(Vec<u8>, Vec<u8>)>,
    /// The roots are trusted beside the system's.
    pub(crate) adds_roots: bool,
}

impl Tls {
    /// The same for another host, which may have a certificate of its own or one that the system trusts, and to which we are
    /// nobody.
    pub(crate) fn beside_the_systems(self) -> Self {
        Self {
            roots: self.roots,
            identity: None,
            adds_roots: true,
        }
    }

    /// Whether they look like PEM, for a client that would find out when it connects.
    #[cfg(feature = "grpc")]
    pub(crate) fn check(&self) -> Result<(), Error> {
        let has = |pem: &[u8], what: &str| String::from_utf8_lossy(pem).contains(what);
        if self.roots.as_ref().is_some_and(|pem| !has(pem, CERTIFICATE)) {
            return Err(invalid(fault::NO_ROOTS));
        }
        let identity = self.identity.as_ref();
        if identity
            .is_some_and(|(certificate, key)| !has(certificate, CERTIFICATE) || !has(key, "PRIVATE KEY"))
        {
            return Err(invalid(fault::NO_IDENTITY));
        }
        Ok(())
    }

    /// Makes a client trust and show them.
    #[cfg(any(feature = "rustls", feature = "native-tls", feature = "rustls-no-provider"))]
    pub(super) fn apply(&self, mut builder: ClientBuilder) -> Result<ClientBuilder, Error> {
        if let Some(pem) = &self.roots {
            let roots = reqwest::Certificate::from_pem_bundle(pem).unwrap_or_default();
            if roots.is_empty() {
                return Err(invalid(fault::NO_ROOTS));
            }
            builder = if self.adds_roots {
                builder.tls_certs_merge(roots)
            } else {
                builder.tls_certs_only(roots)
            };
        }
        if let Some((certificate, key)) = &self.identity {
            let identity = identity(certificate, key);
            let identity = identity.map_err(|error| invalid(fault::NO_IDENTITY).because(error))?;
            builder = builder.identity(identity);
        }
        Ok(builder)
    }

    /// Without TLS there is nothing to trust.
    #[cfg(not(any(feature = "rustls", feature = "native-tls", feature = "rustls-no-provider")))]
    pub(super) fn apply(&self, builder: ClientBuilder) -> Result<ClientBuilder, Error> {
        if self.roots.is_none() && self.identity.is_none() {
            Ok(builder)
        } else {
            Err(invalid("certificates need one of the features for TLS"))
        }
    }
}

/// Keys are among them.
impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tls")
    }
}

fn invalid(message: &'static str) -> Error {
    Error::new(Kind::InvalidValue, message)
}

#[cfg(feature = "grpc")]
const CERTIFICATE: &str = "-----BEGIN CERTIFICATE-----";

/// What is said of PEM that is none, whichever client reads it.
#[cfg(any(
    feature = "rustls",
    feature = "native-tls",
    feature = "rustls-no-provider",
    feature = "grpc"
))]
mod fault {
    pub(super) const NO_ROOTS: &str = "there is no certificate in the CA's PEM";
    pub(super) const NO_IDENTITY: &str = "the client's certificate and key cannot be read as PEM";
}

/// With native-tls beside rustls, reqwest takes that.
#[cfg(feature = "native-tls")]
fn identity(certificate: &[u8], key: &[u8]) -> reqwest::Result<reqwest::Identity> {
    reqwest::Identity::from_pkcs8_pem(certificate, key)
}

#[cfg(all(
    any(feature = "rustls", feature = "rustls-no-provider"),
    not(feature = "native-tls")
))]
fn identity(certificate: &[u8], key: &[u8]) -> reqwest::Result<reqwest::Identity> {
    reqwest::Identity::from_pem(&[certificate, b"\n", key].concat())
}
