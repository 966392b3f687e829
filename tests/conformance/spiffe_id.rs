//! The SPIFFE IDs that the standard itself writes, and each of its rules broken in every place of each of them.

use portcullis::principal::{SpiffeId, TrustDomain, WorkloadPattern};

use crate::vectors::{Report, Vectors};

const ARCHIVE: &str = "x509/spiffe.tar.gz";
const STANDARD: &str = "x509/spiffe/standards/SPIFFE-ID.md";

pub(crate) fn ids(vectors: &Vectors, report: &mut Report) {
    let archive = vectors.archive(ARCHIVE);
    let standard = String::from_utf8(archive[STANDARD].clone()).expect("the standard is text");
    // An example stands between three backticks.
    let examples: Vec<&str> =
        standard.split("```").skip(1).step_by(2).filter(|text| text.starts_with("spiffe://")).collect();
    report.check(examples.len() >= 4, || "the standard shows no examples".to_owned());
    for example in examples {
        let parsed = example.parse::<SpiffeId>();
        report.check(parsed.as_ref().is_ok_and(|id| id.as_str() == example), || example.to_owned());
        let Ok(id) = parsed else { continue };
        report.check(example.parse::<WorkloadPattern>().is_ok(), || format!("the pattern {example}"));
        report.check(id.trust_domain().as_str().parse::<TrustDomain>().is_ok(), || example.to_owned());
        every_byte_in_every_place(example, id.trust_domain().as_str().len(), report);
    }
}

/// §2.1 and §2.2: which bytes may stand in a trust domain and in a path.
fn every_byte_in_every_place(example: &str, trust_domain: usize, report: &mut Report) {
    let begin = "spiffe://".len();
    for place in 0..example.len() {
        for byte in 0..=0x7f_u8 {
            let mut text = example.as_bytes().to_vec();
            text[place] = byte;
            let text = String::from_utf8(text).expect("ASCII is UTF-8");
            let expected = if place < begin {
                text == example
            } else if place < begin + trust_domain {
                // A slash there ends the trust domain, which may not be empty, and begins the path.
                let name = byte.is_ascii_lowercase() || byte.is_ascii_digit() || b".-_".contains(&byte);
                name || (byte == b'/' && place > begin && place + 1 < begin + trust_domain)
            } else if place == begin + trust_domain {
                // In place of the first slash: it goes on with the trust domain, which has no upper case.
                let lower = !text[begin..]
                    .split('/')
                    .next()
                    .expect("one part")
                    .contains(|c: char| c.is_ascii_uppercase());
                byte == b'/'
                    || ((byte.is_ascii_lowercase() || byte.is_ascii_digit() || b".-_".contains(&byte))
                        && lower)
            } else {
                let path = byte.is_ascii_alphanumeric() || b".-_".contains(&byte) || byte == b'/';
                let odd = |segment: &str| segment.is_empty() || segment == "." || segment == "..";
                path && !text[begin + trust_domain + 1..].split('/').any(odd)
            };
            report.check(text.parse::<SpiffeId>().is_ok() == expected, || {
                format!("{text:?}: {expected} expected")
            });
        }
    }
}
