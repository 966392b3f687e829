//! The example and the documentation name every key; the reader takes anything without a panic.

use super::Config;
use crate::payload::Category;
use proptest::prelude::*;
use std::collections::BTreeSet;

const EXAMPLE: &str = include_str!("../../../examples/generate.toml");
const DOCUMENTATION: &str = include_str!("keys.md");

/// Every section and the lists in it, with the line that opens it.
const SECTIONS: [(&str, &str); 37] = [
    ("audit", "[audit]"),
    ("issuers", "[[issuers]]"),
    ("fetch", "[[issuers]]\n[issuers.fetch]"),
    ("protected_resource", "[protected_resource]"),
    ("authentication", "[authentication]"),
    ("dpop", "[authentication.dpop]"),
    ("delegation", "[delegation]"),
    ("actors", "[[delegation.actors]]"),
    ("api_keys", "[[api_keys]]"),
    ("introspection", "[introspection]"),
    ("watch", "[watch]"),
    ("routes", "[[routes]]"),
    ("plans", "[plans.free]"),
    ("models", "[[models]]"),
    ("references", "[references]"),
    ("cache_scopes", "[cache_scopes]"),
    ("cedar", "[cedar]"),
    ("authzen", "[authzen]"),
    ("shadow", "[shadow]"),
    ("policy", "[policy]"),
    ("policy_rule", "[[policy.rules]]"),
    ("policy_condition", "[[policy.rules]]\n[policy.rules.permit]"),
    ("policy_role", "[policy.roles.analyst]"),
    ("policy_zone", "[policy.zones.inference]"),
    ("policy_devices", "[policy.devices]"),
    ("flood", "[flood]"),
    ("inspection", "[inspection]"),
    ("body", "[body]"),
    ("answer", "[answer]"),
    ("edge", "[edge]"),
    ("proxies", "[proxies]"),
    ("trust", "[trust]"),
    ("peer", "[peer]"),
    ("people", "[[peer.people]]"),
    ("tls_proxies", "[peer.proxies]"),
    ("requests", "[[plans.free.requests]]"),
    ("usage", "[[plans.free.usage]]"),
];

/// The keys of a section, as the refusal of an unknown one lists them.
fn keys(header: &str) -> Vec<String> {
    let error = Config::parse(&format!("{header}\nno_such_key = 1\n")).unwrap_err();
    let message = error.to_string();
    let (_, listed) = message.split_once(", expected ").unwrap_or_else(|| panic!("{message}"));
    listed.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

/// The example with every setting made that it only shows.
fn example_in_full() -> String {
    let made = |line: &str| match line.strip_prefix('#') {
        Some(setting) if !setting.is_empty() && !setting.starts_with(' ') => setting.to_owned(),
        _ => line.to_owned(),
    };
    EXAMPLE.lines().map(|line| made(line) + "\n").collect()
}

fn names_in(value: &toml::de::DeValue<'_>, names: &mut BTreeSet<String>) {
    match value {
        toml::de::DeValue::Table(table) => {
            for (key, value) in table {
                names.insert(key.get_ref().to_string());
                names_in(value.get_ref(), names);
            }
        }
        toml::de::DeValue::Array(array) => array.iter().for_each(|value| names_in(value.get_ref(), names)),
        _ => {}
    }
}

#[test]
fn every_section_is_known_to_these_tests() {
    let sections: BTreeSet<String> = SECTIONS.iter().map(|(section, _)| (*section).to_owned()).collect();
    let top: BTreeSet<String> = super::file::TOP.iter().map(|key| (*key).to_owned()).collect();
    let root = keys("");
    assert!(root.len() > SECTIONS.len() - 9, "{root:?}");
    for key in root {
        assert!(
            sections.contains(&key) ^ top.contains(&key),
            "{key} is neither a section nor a key of the whole file"
        );
    }
}

#[test]
fn the_example_names_every_key_in_its_section() {
    let full = example_in_full();
    let root = toml::de::DeTable::parse(&full).unwrap();
    let names = |section: &str| {
        let mut names = BTreeSet::new();
        if section.is_empty() {
            names.extend(root.get_ref().iter().map(|(key, _)| key.get_ref().to_string()));
        } else if let Some(value) = root.get_ref().get(section) {
            names_in(value.get_ref(), &mut names);
        } else if section == "fetch" {
            names_in(root.get_ref().get("issuers").unwrap().get_ref(), &mut names);
        } else if ["people", "tls_proxies"].contains(&section) {
            names_in(root.get_ref().get("peer").unwrap().get_ref(), &mut names);
        } else if section == "actors" {
            names_in(root.get_ref().get("delegation").unwrap().get_ref(), &mut names);
        } else if section.starts_with("policy_") {
            names_in(root.get_ref().get("policy").unwrap().get_ref(), &mut names);
        } else if section == "dpop" {
            names_in(root.get_ref().get("authentication").unwrap().get_ref(), &mut names);
        } else {
            names_in(root.get_ref().get("plans").unwrap().get_ref(), &mut names);
        }
        names
    };
    for (section, header) in [("", "")].into_iter().chain(SECTIONS) {
        let named = names(section);
        for key in keys(header) {
            assert!(named.contains(&key), "examples/generate.toml does not show `{key}` of {header}");
        }
    }
    let named = names("inspection");
    for category in Category::ALL {
        let name = category.as_str().strip_prefix("injection.").unwrap();
        assert!(named.contains(name), "examples/generate.toml does not show the category {name}");
    }
}

// Without them, the sections about certificates, fetched keys and decision points are refused.
#[cfg(all(feature = "authzen", feature = "cedar", feature = "tls", feature = "fetch"))]
#[test]
fn the_example_can_be_used_with_every_setting_made() {
    let config = Config::parse(&example_in_full()).unwrap();
    assert_eq!(config.issuers().count(), 4);
}

#[test]
fn the_documentation_names_every_key_in_its_section() {
    let mut sections: Vec<(String, String)> = vec![(String::new(), String::new())];
    for row in DOCUMENTATION.lines().filter(|line| line.starts_with('|')) {
        let cell = row.split('|').nth(1).unwrap().trim().to_owned();
        if let Some(header) = cell.strip_prefix("**`").and_then(|cell| cell.strip_suffix("`**")) {
            sections.push((header.replace("NAME", "free"), String::new()));
        } else {
            sections.last_mut().unwrap().1.push_str(&cell);
        }
    }
    for (header, rows) in &sections {
        for key in keys(header)
            .into_iter()
            .filter(|key| !header.is_empty() || super::file::TOP.contains(&key.as_str()))
        {
            assert!(
                rows.contains(&format!("`{key}`")) || key == "injection",
                "keys.md does not tell of `{key}` in {header}"
            );
        }
    }
    assert_eq!(
        sections.len(),
        SECTIONS.len() - 12 + 1,
        "a section for each, limits in that of plans, people and proxies in that of peer, fetch in issuers, dpop in that of \
         authentication, actors in that of delegation, five in that of policy, and the top"
    );
    for key in keys("[[plans.free.requests]]") {
        assert!(DOCUMENTATION.contains(&format!("`{key}`, in a limit")), "keys.md does not tell of `{key}`");
    }
    for (header, place) in [
        ("[[peer.people]]", "in one of people"),
        ("[peer.proxies]", "in proxies"),
        ("[authentication.dpop]", "in dpop"),
        ("[[delegation.actors]]", "in an actor"),
        ("[[issuers]]\n[issuers.fetch]", "in fetch"),
        ("[[policy.rules]]", "in a rule"),
        ("[[policy.rules]]\n[policy.rules.permit]", "in a condition"),
        ("[policy.roles.analyst]", "in rights"),
        ("[policy.zones.inference]", "in a zone"),
        ("[policy.devices]", "in devices"),
    ] {
        for key in keys(header) {
            assert!(DOCUMENTATION.contains(&format!("`{key}`, {place}")), "keys.md does not tell of `{key}`");
        }
    }
    for category in Category::ALL {
        assert!(DOCUMENTATION.contains(&format!("`{category}`")), "keys.md does not tell of {category}");
    }
}

/// A line of the example, changed or not: near enough to a configuration to get far into the reader.
fn odd_line() -> impl Strategy<Value = String> {
    let lines: Vec<String> = example_in_full().lines().map(str::to_owned).collect();
    (proptest::sample::select(lines), any::<(u8, u8)>(), "[\\x00-\\x7f\u{e9}\u{1f600}]{0,3}").prop_map(
        |(line, (from, to), put)| {
            let mut chars: Vec<char> = line.chars().collect();
            let (from, to) = (usize::from(from).min(chars.len()), usize::from(to % 4));
            let to = (from + to).min(chars.len());
            chars.splice(from..to, put.chars());
            chars.into_iter().collect()
        },
    )
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(lines in proptest::collection::vec(odd_line(), 0..40)) {
        if let Err(error) = Config::parse(&lines.join("\n")) {
            let _ = (error.to_string(), format!("{error:?}"));
        }
    }

    #[test]
    fn a_wrong_line_in_a_whole_file_is_named(at in 0_usize..200, line in odd_line()) {
        let full = example_in_full();
        let mut lines: Vec<&str> = full.lines().collect();
        let at = at.min(lines.len());
        lines.insert(at, &line);
        if let Err(error) = Config::parse(&lines.join("\n")) {
            prop_assert!(error.line().is_some_and(|line| line <= lines.len() + 1), "{error}");
        }
    }
}

#[test]
fn what_misplaced_quotes_make_a_key_of_is_not_repeated() {
    for text in ["[[issuers\nau\u{1}dien:\"c2VjcmV0\"}]}'''\n", "x = 1\n\"c2VjcmV0\" = 1\n\"c2VjcmV0\" = 2\n"]
    {
        let error = Config::parse(text).unwrap_err();
        assert!(!format!("{error} {error:?}").contains("c2VjcmV0"), "{error}");
    }
}
