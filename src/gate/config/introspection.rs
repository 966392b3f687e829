//! Opaque credentials: from the section to an issuer that is asked about them.

use super::fetch::asking;
use super::file::IntrospectionSection;
use super::{Config, ConfigError, ConfigErrorKind};
use crate::jose::SigningKey;
use crate::jwt::{ClientAuthentication, Introspection, TrustedIssuer, VerifyJwtLayer};
use secrecy::{ExposeSecret, SecretSlice, SecretString};
use std::fs;
use toml::Spanned;

/// Whom to ask. Its files are not opened yet.
pub(super) struct Asking(pub(super) Spanned<IntrospectionSection>);

impl Asking {
    /// The introspection. Reads the files, and asks nobody.
    pub(super) fn open(&self, config: &Config) -> Result<Introspection, ConfigError> {
        let (span, set) = (self.0.span(), self.0.get_ref());
        let by_certificate = set.certificate_file.is_some();
        let ways = [set.client_secret_file.is_some(), set.private_key_file.is_some(), by_certificate];
        if ways.into_iter().filter(|way| *way).count() != 1 {
            let problem = "say how this service shows the issuer who asks: one of client_secret_file, private_key_file, or \
                           certificate_file with certificate_key_file";
            return config.source.refuse(span, problem);
        }
        if by_certificate != set.certificate_key_file.is_some() {
            return config.source.refuse(span, "certificate_file and certificate_key_file go together");
        }
        let unreadable = |file: &str, problem: String| {
            let path = config.folder.join(file);
            let problem = format!("the file {} cannot be read: {problem}", path.display());
            config.source.error(span.clone(), ConfigErrorKind::File { path, problem })
        };
        let bytes = |file: &str| {
            fs::read(config.folder.join(file)).map_err(|error| unreadable(file, error.to_string()))
        };
        let text = |file: &str| {
            String::from_utf8(bytes(file)?).map_err(|_| unreadable(file, "it is no text".to_owned()))
        };
        let refuse = |problem: String| config.source.error(span.clone(), ConfigErrorKind::Value(problem));
        let roots = set.roots_file.as_deref().map(text).transpose()?;
        let mut fetch = asking(&set.endpoint, roots, &set.internal_hosts);
        let id = set.client_id.as_str();
        let client = match (&set.client_secret_file, &set.private_key_file, &set.certificate_file) {
            (Some(file), ..) => ClientAuthentication::secret(id, secret(text(file)?)),
            (None, Some(file), _) => {
                let bytes: SecretSlice<u8> = bytes(file)?.into();
                let key = signing_key(bytes.expose_secret()).ok_or_else(|| {
                    let problem = "private_key_file: holds no Ed25519 or P-256 key in PKCS #8, in PEM or DER; `openssl pkcs8 \
                                   -topk8 -nocrypt` writes others so";
                    refuse(problem.to_owned())
                })?;
                ClientAuthentication::private_key(id, key, Some(&set.issuer))
            }
            (None, None, Some(chain)) => {
                let key = set.certificate_key_file.as_deref().unwrap_or_default();
                fetch = fetch.client_certificate_pem(text(chain)?, text(key)?.into());
                ClientAuthentication::certificate(id)
            }
            (None, None, None) => {
                return Err(refuse("name a way in which this service shows who it is".to_owned()));
            }
        };
        let mut issuer = TrustedIssuer::new(set.issuer.as_str());
        issuer = set.audiences.iter().fold(issuer, |issuer, audience| issuer.audience(audience.as_str()));
        if let Some(pointer) = &set.scope_claim {
            issuer = issuer.scope_claim(pointer.as_str());
        }
        if let Some(pointer) = &set.plan_claim {
            issuer = issuer.plan_claim(pointer.as_str());
        }
        if let Some(pointer) = &set.tenant_claim {
            issuer = issuer.tenant_claim(pointer.as_str());
        }
        if let Some(pointer) = &set.roles_claim {
            issuer = issuer.roles_claim(pointer.as_str());
        }
        let fetch = fetch.build().map_err(|error| refuse(error.to_string()))?;
        let mut introspection = Introspection::new(set.endpoint.as_str(), issuer, client, fetch);
        if let Some(time) = &set.remember_for {
            introspection = introspection.remember_for(time.0);
        }
        // The layer knows what it must have.
        match VerifyJwtLayer::builder().introspection(introspection.clone()).build() {
            Ok(_) => Ok(introspection),
            Err(error) => Err(refuse(error.to_string())),
        }
    }
}

/// In DER or in PEM: none is the other.
fn signing_key(bytes: &[u8]) -> Option<SigningKey> {
    let in_pem = || SigningKey::from_pkcs8_pem(std::str::from_utf8(bytes).ok()?).ok();
    SigningKey::from_pkcs8(bytes).ok().or_else(in_pem)
}

/// A file of one line, whose end belongs to the editor.
fn secret(text: String) -> SecretString {
    let text = SecretString::from(text);
    text.expose_secret().trim_end_matches(['\r', '\n']).into()
}
