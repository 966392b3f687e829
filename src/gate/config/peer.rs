//! Certificates of machines and people: `[trust]` and `[peer]`.

use super::file::{HeaderForm, PeerSection, PersonName, PersonSection, TrustSection};
use super::source::Source;
use super::{Config, ConfigError, ConfigErrorKind};
use crate::gate::GateBuilder;
use crate::peer::{CertificateHeader, PeerRules, PersonRule, RequirePeerLayer, TlsProxies};
use crate::principal::WorkloadPattern;
use crate::trust::{TrustBundles, TrustError};
use http::HeaderName;
use std::ops::Range;
use std::path::PathBuf;
use toml::Spanned;

/// What `[trust]` and `[peer]` say; no file is opened yet.
pub(super) struct Certificates {
    trust: Option<Spanned<TrustSection>>,
    peer: Option<Spanned<PeerSection>>,
}

impl Certificates {
    /// Looks at what can be known from the text.
    pub(super) fn read(
        source: &Source,
        trust: Option<Spanned<TrustSection>>,
        peer: Option<Spanned<PeerSection>>,
    ) -> Result<Self, ConfigError> {
        if let Some(section) = &trust {
            let TrustSection { spiffe, roots_file, .. } = section.get_ref();
            if spiffe.is_empty() && roots_file.is_none() {
                let problem = "nobody would be believed: add spiffe = { \"prod.example\" = \"prod-roots.pem\" } or roots_file";
                return source.refuse(section.span(), problem);
            }
        }
        if let Some(section) = &peer {
            let span = section.span();
            let section = section.get_ref();
            if section.workloads.is_empty() && section.trust_domains.is_empty() && section.people.is_empty() {
                let problem = "nobody may enter: add trust_domains = [\"prod.example\"], workloads = [\"spiffe://…\"] or people";
                return source.refuse(span, problem);
            }
            if let Some(lifetime) = section.max_lifetime.as_ref().filter(|time| time.get_ref().0.is_zero()) {
                return source.refuse(lifetime.span(), "must be greater than zero");
            }
            if let Some(proxies) = &section.proxies {
                if trust.is_none() {
                    let problem =
                        "what proxies hand on is verified against the roots in [trust]: add that section";
                    return source.refuse(proxies.span(), problem);
                }
                let set = proxies.get_ref();
                if set.workloads.is_empty() && set.danger_networks.is_empty() {
                    let problem = "no proxy is believed: add workloads = [\"spiffe://…\"] with the name of its own certificate";
                    return source.refuse(proxies.span(), problem);
                }
                match (set.header.0, &set.header_name) {
                    (HeaderForm::EscapedPem, None) => {
                        let problem = "say in which header, as header_name = \"ssl-client-cert\"";
                        return source.refuse(proxies.span(), problem);
                    }
                    (HeaderForm::Rfc9440 | HeaderForm::Envoy, Some(name)) => {
                        return source
                            .refuse(name.span(), "only header = \"escaped-pem\" has a name of your choice");
                    }
                    _ => {}
                }
            }
        }
        Ok(Self { trust, peer })
    }

    /// Opens the files.
    pub(super) fn set(&self, config: &Config, builder: GateBuilder) -> Result<GateBuilder, ConfigError> {
        let Some(peer) = &self.peer else { return Ok(builder) };
        let bundles = self.trust.as_ref().map(|trust| open(config, trust)).transpose()?;
        let (span, section) = (peer.span(), peer.get_ref());
        let mut rules = PeerRules::new();
        for domain in &section.trust_domains {
            rules = rules.trust_domain(domain.0.clone());
        }
        rules = patterns(&section.workloads).fold(rules, PeerRules::workload);
        if let Some(lifetime) = &section.max_lifetime {
            rules = rules.max_lifetime(lifetime.get_ref().0);
        }
        if let Some(plan) = &section.plan {
            rules = rules.plan(plan.as_str());
        }
        if let Some(bundles) = &bundles {
            rules = rules.bundles(bundles.clone());
        }
        for person in &section.people {
            let rule = person_rule(config, person.get_ref());
            check(config, person.span(), PeerRules::new().person(rule.clone()))?;
            rules = rules.person(rule);
        }
        if let (Some(proxies), Some(bundles)) = (&section.proxies, bundles) {
            let set = proxies.get_ref();
            let header = match (set.header.0, &set.header_name) {
                (HeaderForm::Rfc9440, _) => CertificateHeader::rfc9440(),
                (HeaderForm::Envoy, _) => CertificateHeader::envoy(),
                (HeaderForm::EscapedPem, name) => {
                    let name = name.as_ref().map(|name| name.get_ref().0.clone());
                    CertificateHeader::escaped_pem(name.unwrap_or(HeaderName::from_static("ssl-client-cert")))
                }
            };
            let mut believed = TlsProxies::new(header, bundles);
            believed = patterns(&set.workloads).fold(believed, TlsProxies::workload);
            for network in &set.danger_networks {
                believed = believed.danger_network(network.0);
            }
            rules = rules.forwarded(believed);
        }
        check(config, span, rules.clone())?;
        Ok(builder.peers(rules))
    }
}

fn patterns(texts: &[super::value::Text<WorkloadPattern>]) -> impl Iterator<Item = WorkloadPattern> {
    texts.iter().map(|pattern| pattern.0.clone())
}

/// The layer knows what its rules must have.
fn check(config: &Config, span: Range<usize>, rules: PeerRules) -> Result<(), ConfigError> {
    match RequirePeerLayer::builder(rules).build() {
        Ok(_) => Ok(()),
        Err(error) => config.source.refuse(span, error.to_string()),
    }
}

fn person_rule(config: &Config, section: &PersonSection) -> PersonRule {
    let authority: PathBuf = config.folder.join(&section.authority_file);
    let mut rule = match section.name.0 {
        PersonName::Email => PersonRule::by_email(section.subject_issuer.as_str(), authority),
        PersonName::Upn => PersonRule::by_upn(section.subject_issuer.as_str(), authority),
    };
    for domain in &section.domains {
        rule = rule.domain(domain);
    }
    for scope in &section.scopes {
        rule = rule.scope(scope.as_str());
    }
    if let Some(plan) = &section.plan {
        rule = rule.plan(plan.as_str());
    }
    if let Some(tenant) = &section.tenant {
        rule = rule.tenant(tenant.as_str());
    }
    rule
}

fn open(config: &Config, trust: &Spanned<TrustSection>) -> Result<TrustBundles, ConfigError> {
    let TrustSection { spiffe, roots_file, crl_files, danger_accept_stale_crls } = trust.get_ref();
    let path = |file: &str| config.folder.join(file);
    let mut bundles = TrustBundles::builder();
    for (domain, file) in spiffe {
        bundles = bundles.spiffe(domain, path(file));
    }
    if let Some(file) = roots_file {
        bundles = bundles.roots(path(file));
    }
    for file in crl_files {
        bundles = bundles.crl(path(file));
    }
    if *danger_accept_stale_crls {
        bundles = bundles.danger_accept_stale_crls();
    }
    bundles.build().map_err(|error: TrustError| {
        let kind = ConfigErrorKind::File { path: config.folder.clone(), problem: error.to_string() };
        config.source.error(trust.span(), kind)
    })
}
