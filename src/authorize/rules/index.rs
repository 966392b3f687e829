//! Which rules can speak of a thing, found when the policy is built: the others need not be asked.

use super::conditions::Node;
use super::policy::Rule;
use super::test::Test;
use crate::route::ResourceKind;
use std::collections::HashMap;

/// The rules of one effect, by what they can speak of. All lists are in the order in which the rules were written.
#[derive(Debug, Default)]
pub(super) struct Index {
    /// Those that speak of no kind of thing.
    blanket: Vec<usize>,
    kinds: Vec<(ResourceKind, OfKind)>,
}

#[derive(Debug, Default)]
struct OfKind {
    /// Those that are false of every thing without one of some names, by these names.
    named: HashMap<Box<str>, Vec<usize>>,
    /// All others.
    open: Vec<usize>,
}

impl Index {
    pub(super) fn of(rules: &[Rule]) -> Self {
        let mut index = Self::default();
        for (place, rule) in rules.iter().enumerate() {
            match &rule.kind {
                None => index.blanket.push(place),
                Some(kind) => index.of_kind(kind).add(place, &rule.condition),
            }
        }
        index
    }

    fn of_kind(&mut self, kind: &ResourceKind) -> &mut OfKind {
        let place = match self.kinds.iter().position(|(held, _)| held == kind) {
            Some(place) => place,
            None => {
                self.kinds.push((kind.clone(), OfKind::default()));
                self.kinds.len() - 1
            }
        };
        &mut self.kinds[place].1
    }

    pub(super) fn blanket(&self) -> impl Iterator<Item = usize> {
        self.blanket.iter().copied()
    }

    /// The rules that can be anything but false of this thing.
    pub(super) fn about(&self, kind: &ResourceKind, name: &str) -> impl Iterator<Item = usize> {
        let found = self.kinds.iter().find(|(held, _)| held == kind).map(|(_, rules)| rules);
        let named = found.and_then(|rules| rules.named.get(name)).map_or(&[][..], Vec::as_slice);
        let open = found.map_or(&[][..], |rules| &rules.open);
        InOrder { one: named, other: open }
    }
}

impl OfKind {
    fn add(&mut self, place: usize, condition: &Node) {
        match names(condition) {
            None => self.open.push(place),
            Some(names) => {
                for name in names {
                    let places = self.named.entry(name.clone()).or_default();
                    if places.last() != Some(&place) {
                        places.push(place);
                    }
                }
            }
        }
    }
}

/// The only names of things for which a condition can be anything but false.
fn names(condition: &Node) -> Option<&[Box<str>]> {
    // Within `and` one is enough, and every test of a rule is about things of the same kind.
    match condition {
        Node::Test(Test::Resource { names, .. }) => names.only(),
        Node::All(nodes) => nodes.iter().find_map(names),
        Node::Test(_) | Node::Any(_) | Node::Not(_) => None,
    }
}

/// Two sorted lists as one.
struct InOrder<'a> {
    one: &'a [usize],
    other: &'a [usize],
}

impl Iterator for InOrder<'_> {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        let list = match (self.one, self.other) {
            ([first, ..], [second, ..]) if second < first => &mut self.other,
            ([], _) => &mut self.other,
            _ => &mut self.one,
        };
        let (next, rest) = list.split_first()?;
        *list = rest;
        Some(*next)
    }
}
