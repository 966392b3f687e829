//! Who asked, in a record.

use super::entry::rfc3339;
use super::json::Name;
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
        map.serialize_entry(&Name("issuer"), &who.subject().map(Subject::issuer))?;
        map.serialize_entry(&Name("subject"), &who.subject().map(Subject::id))?;
        map.serialize_entry(&Name("application"), &who.application().map(Application::as_str))?;
        map.serialize_entry(&Name("actors"), &actors)?;
        if !who.withheld().is_empty() {
            let withheld: Vec<_> = who.withheld().iter().map(WithheldRight).collect();
            map.serialize_entry(&Name("withheld"), &withheld)?;
        }
        if let Some(root) = who.credential().root() {
            map.serialize_entry(&Name("root"), &Root(root))?;
        }
        map.serialize_entry(&Name("tenant"), &who.tenant().map(TenantId::as_str))?;
        map.serialize_entry(&Name("credential"), &Name(who.credential().method().as_str()))?;
        map.serialize_entry(&Name("credential_id"), &who.credential().identifier())?;
        map.serialize_entry(
            &Name("key_id"),
            &credential.and_then(|credential| credential.key_id.as_deref()),
        )?;
        map.serialize_entry(&Name("algorithm"), &credential.and_then(|credential| credential.algorithm))?;
        map.serialize_entry(&Name("remembered"), &credential.map(|credential| credential.remembered))?;
        map.serialize_entry(&Name("bound"), &credential.and_then(|credential| credential.bound))?;
        map.end()
    }
}

struct WithheldRight<'a>(&'a Withheld);

impl Serialize for WithheldRight<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry(&Name("right"), &self.0.right.to_string())?;
        map.serialize_entry(&Name("lacked_by"), &self.0.actor.to_string())?;
        map.end()
    }
}

struct Root<'a>(&'a CredentialRoot);

impl Serialize for Root<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry(&Name("issuer"), self.0.subject().issuer())?;
        map.serialize_entry(&Name("subject"), self.0.subject().id())?;
        map.serialize_entry(&Name("credential_id"), &self.0.credential().identifier())?;
        map.serialize_entry(&Name("session"), &self.0.credential().session_id())?;
        map.end()
    }
}

/// The certificate that was shown.
pub(super) struct Peer<'a>(pub(super) &'a PeerFacts);

impl Serialize for Peer<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let PeerFacts { certificate, through } = self.0;
        let name = |certificate: &PeerCertificate| certificate.workload().map(ToString::to_string);
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry(&Name("workload"), &name(certificate))?;
        map.serialize_entry(&Name("fingerprint"), certificate.fingerprint_text())?;
        map.serialize_entry(&Name("serial"), &Hex(certificate.serial()).to_string())?;
        map.serialize_entry(&Name("issuer"), certificate.issuer_name())?;
        map.serialize_entry(&Name("not_after"), &rfc3339(certificate.not_after()))?;
        map.serialize_entry(&Name("through"), &through.as_ref().map(|proxy| proxy.as_ref().and_then(name)))?;
        map.end()
    }
}
