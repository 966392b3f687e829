use super::file::IssuerSection;
use super::jwks::Jwks;
use super::source::Source;
use super::{ConfigError, ConfiguredIssuer};
use crate::jose::KeySet;
use crate::jwt::{JwtErrorKind, StaticKeys, TrustedIssuer, VerifyJwtLayer};
use std::collections::HashSet;
use std::ops::Range;
use toml::Spanned;

/// The issuers, without the keys that stand in files of their own.
pub(super) fn issuers(
    source: &Source,
    sections: Vec<Spanned<IssuerSection>>,
) -> Result<Vec<ConfiguredIssuer>, ConfigError> {
    let mut names = HashSet::new();
    let mut issuers = Vec::with_capacity(sections.len());
    for section in sections {
        let name = &section.get_ref().issuer;
        if !names.insert(name.get_ref().clone()) {
            return source
                .refuse(name.span(), "this issuer stands here twice; add its audiences to one of them");
        }
        issuers.push(issuer(source, section.span(), section.into_inner())?);
    }
    Ok(issuers)
}

fn issuer(
    source: &Source,
    span: Range<usize>,
    section: IssuerSection,
) -> Result<ConfiguredIssuer, ConfigError> {
    let spans = Spans::of(&section, span.clone());
    let mut issuer = TrustedIssuer::new(section.issuer.into_inner());
    for audience in section.audiences.into_inner() {
        issuer = issuer.audience(audience);
    }
    if let Some(algorithms) = section.algorithms {
        issuer = issuer.algorithms(algorithms.into_inner().into_iter().map(|word| word.0));
    }
    if let Some(pointer) = section.scope_claim {
        issuer = issuer.scope_claim(pointer.into_inner());
    }
    if let Some(pointer) = section.application_claim {
        issuer = issuer.application_claim(pointer.into_inner());
    }
    if let Some(pointer) = section.plan_claim {
        issuer = issuer.plan_claim(pointer.into_inner());
    }
    if let Some(pointer) = section.tenant_claim {
        issuer = issuer.tenant_claim(pointer.into_inner());
    }
    if let Some(pointer) = section.roles_claim {
        issuer = issuer.roles_claim(pointer.into_inner());
    }
    if let Some(lifetime) = section.max_lifetime {
        issuer = issuer.max_lifetime(lifetime.into_inner().0);
    }
    if let Some(leeway) = section.leeway {
        issuer = issuer.leeway(leeway.into_inner().0);
    }
    if section.require_access_token_type {
        issuer = issuer.require_access_token_type();
    }
    let places = [
        section.jwks_file.as_ref().map(Spanned::span),
        section.jwks_url.as_ref().map(Spanned::span),
        section.discovery.as_ref().map(Spanned::span),
        section.keys.as_ref().map(Spanned::span),
    ];
    let mut places = places.into_iter().flatten();
    let is_remote = section.jwks_url.is_some() || section.discovery.is_some();
    match (places.next(), places.next()) {
        (None, _) => {
            let problem = "say where its public keys are: discovery = \"openid\", jwks_url, jwks_file = \"keys.json\", or keys = […] in this file";
            return source.refuse(span, problem);
        }
        (_, Some(second)) => {
            return source.refuse(
                second,
                "its keys are in two places; keep one of jwks_file, jwks_url, discovery and keys",
            );
        }
        (Some(_), None) => {}
    }
    if let (Some(fetch), false) = (&section.fetch, is_remote) {
        return source
            .refuse(fetch.span(), "says how keys are fetched, and they are not; add discovery or jwks_url");
    }
    #[cfg(not(feature = "fetch"))]
    if let Some(span) =
        section.jwks_url.as_ref().map(Spanned::span).or(section.discovery.as_ref().map(Spanned::span))
    {
        return source
            .refuse(span, "fetching keys needs the feature `fetch`, which this program was built without");
    }
    if let Some(file) = section.jwks_file.as_ref().filter(|file| file.get_ref().is_empty()) {
        return source.refuse(file.span(), "name a file");
    }
    let keys = match section.keys {
        Some(keys) => inline(source, keys)?,
        None => StaticKeys::new([]),
    };
    let issuer = issuer.keys(keys);
    #[cfg(feature = "fetch")]
    let remote = super::fetch::RemoteKeys::read(
        source,
        issuer.name(),
        section.jwks_url,
        section.discovery,
        section.fetch,
    )?;
    // The layer knows what an issuer must have. Keys from a file take the place of the empty ones later.
    match VerifyJwtLayer::builder().issuer(issuer.clone()).build() {
        Ok(_) => Ok(ConfiguredIssuer {
            issuer,
            jwks_file: section.jwks_file,
            #[cfg(feature = "fetch")]
            remote,
        }),
        Err(error) => match error.kind {
            JwtErrorKind::Setting { field, problem } => source.refuse(spans.find(field), problem),
            kind => source.refuse(span, kind.to_string()),
        },
    }
}

/// Keys that stand in the configuration. There, one that cannot be used is a mistake of whoever wrote it.
fn inline(source: &Source, keys: Spanned<Jwks>) -> Result<StaticKeys, ConfigError> {
    let span = keys.span();
    let set = match KeySet::from_jwks(keys.into_inner().0) {
        Ok(set) => set,
        Err(error) => return source.refuse(span, error.to_string()),
    };
    if let Some(skipped) = set.skipped().first() {
        return source
            .refuse(span, format!("key {} of the set cannot be used: {}", skipped.index, skipped.reason));
    }
    if set.keys().is_empty() {
        return source.refuse(span, "holds no key; add the issuer's public keys");
    }
    Ok(StaticKeys::from(set))
}

/// Where the settings of an issuer stand, by the builder's method.
struct Spans {
    whole: Range<usize>,
    fields: Vec<(&'static str, Range<usize>)>,
}

impl Spans {
    fn of(section: &IssuerSection, whole: Range<usize>) -> Self {
        let mut fields =
            vec![("TrustedIssuer::new", section.issuer.span()), ("audience", section.audiences.span())];
        let mut add = |field, span: Option<Range<usize>>| fields.extend(span.map(|span| (field, span)));
        add("algorithms", section.algorithms.as_ref().map(Spanned::span));
        add("scope_claim", section.scope_claim.as_ref().map(Spanned::span));
        add("application_claim", section.application_claim.as_ref().map(Spanned::span));
        add("plan_claim", section.plan_claim.as_ref().map(Spanned::span));
        add("tenant_claim", section.tenant_claim.as_ref().map(Spanned::span));
        add("roles_claim", section.roles_claim.as_ref().map(Spanned::span));
        add("max_lifetime", section.max_lifetime.as_ref().map(Spanned::span));
        add("leeway", section.leeway.as_ref().map(Spanned::span));
        Self { whole, fields }
    }

    fn find(&self, method: &str) -> Range<usize> {
        let field = self.fields.iter().find(|(field, _)| *field == method);
        field.map_or_else(|| self.whole.clone(), |(_, span)| span.clone())
    }
}
