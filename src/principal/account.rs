use super::Principal;
use super::identity::Holder;

/// Whose account something is: bytes that no other account has, to be put under a key. Never to be shown.
#[derive(Clone)]
pub(crate) struct Account(Box<[u8]>);

impl Account {
    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl Principal {
    /// The account that what the caller makes belongs to: that of the user, else of the machine, within the tenant. The same
    /// user in another tenant has another.
    pub(crate) fn account(&self) -> Account {
        let mut bytes = Vec::with_capacity(96);
        // Each part says how long it is, so that no two accounts are written alike.
        let mut add = |part: &str| {
            bytes.extend((part.len() as u64).to_be_bytes());
            bytes.extend(part.as_bytes());
        };
        match self.tenant() {
            Some(tenant) => {
                add("tenant");
                add(tenant.as_str());
            }
            None => add("no tenant"),
        }
        match self.holder() {
            Holder::Subject(subject) => {
                add("subject");
                add(subject.issuer());
                add(subject.id());
            }
            Holder::Workload(id) => {
                add("workload");
                add(id.as_str());
            }
        }
        Account(bytes.into())
    }
}
