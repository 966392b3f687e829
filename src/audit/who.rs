//! Who asked, in a record.

use super::entry::rfc3339;
use crate::exchange::{PeerFacts, Record};
use crate::principal::{
    Application, CredentialRoot, Hex, PeerCertificate, Principal, Subject, TenantId, Withheld,
};
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

/// The caller, as a record tells of it.
pub(super) struct Who<'a>(pub(super) &'a Principal, pub(super) &'a Record);

impl Serialize for Who<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(who, record) = self;
        let credential = record.credential.as_ref();
        let actors: Vec<String> = who.actors().iter().map(ToString::to_string).collect();
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("issuer", &who.subject().map(Subject::issuer))?;
        map.serialize_entry("subject", &who.subject().map(Subject::id))?;
        map.serialize_entry("application", &who.application().map(Application::as_str))?;
        map.serialize_entry("actors", &actors)?;
        if !who.withheld().is_empty() {
            let withheld: Vec<_> = who.withheld().iter().map(WithheldRight).collect();
            map.serialize_entry("withheld", &withheld)?;
        }
        if let Some(root) = who.credential().root() {
            map.serialize_entry("root", &Root(root))?;
        }
        map.serialize_entry("tenant", &who.tenant().map(TenantId::as_str))?;
        map.serialize_entry("credential", who.credential().method().as_str())?;
        map.serialize_entry("credential_id", &who.credential().identifier())?;
        map.serialize_entry("key_id", &credential.and_then(|credential| credential.key_id.as_deref()))?;
        map.serialize_entry("algorithm", &credential.and_then(|credential| credential.algorithm))?;
        map.serialize_entry("remembered", &credential.map(|credential| credential.remembered))?;
        map.serialize_entry("bound", &credential.and_then(|credential| credential.bound))?;
        map.end()
    }
}

struct WithheldRight<'a>(&'a Withheld);

impl Serialize for WithheldRight<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(2))?;
        map.serialize_entry("right", &self.0.right.to_string())?;
        map.serialize_entry("lacked_by", &self.0.actor.to_string())?;
        map.end()
    }
}

struct Root<'a>(&'a CredentialRoot);

impl Serialize for Root<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(4))?;
        map.serialize_entry("issuer", self.0.subject().issuer())?;
        map.serialize_entry("subject", self.0.subject().id())?;
        map.serialize_entry("credential_id", &self.0.credential().identifier())?;
        map.serialize_entry("session", &self.0.credential().session_id())?;
        map.end()
    }
}

/// The certificate that was shown.
pub(super) struct Peer<'a>(pub(super) &'a PeerFacts);

impl Serialize for Peer<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let PeerFacts { certificate, through } = self.0;
        let name = |certificate: &PeerCertificate| certificate.workload().map(ToString::to_string);
        let mut map = serializer.serialize_map(Some(6))?;
        map.serialize_entry("workload", &name(certificate))?;
        map.serialize_entry("fingerprint", certificate.fingerprint_text())?;
        map.serialize_entry("serial", &Hex(certificate.serial()).to_string())?;
        map.serialize_entry("issuer", certificate.issuer_name())?;
        map.serialize_entry("not_after", &rfc3339(certificate.not_after()))?;
        map.serialize_entry("through", &through.as_ref().map(|proxy| proxy.as_ref().and_then(name)))?;
        map.end()
    }
}
