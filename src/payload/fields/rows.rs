//! Tables as lines of text, for documentation and postures.

use std::fmt;

use super::table::Below;
use super::{FieldClass, FieldTable};

/// One field of a table, as documentation has it. `Display` writes a line of a Markdown table.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct FieldRow {
    /// Where, e.g. `messages[].content[].text`.
    pub path: String,
    /// What it is good for.
    pub class: FieldClass,
    /// What else is to be said: values that ask for nothing, what stands below.
    pub note: String,
}

impl fmt::Display for FieldRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "| `{}` | {} | {} |", self.path, self.class, self.note)
    }
}

impl FieldTable {
    /// Every field in and below this object. Fields of an object that stands in several places are listed at the first one.
    pub fn rows(&'static self) -> Vec<FieldRow> {
        let mut rows = Rows { list: Vec::new(), seen: Vec::new() };
        rows.table(self, "");
        rows.list
    }
}

struct Rows {
    list: Vec<FieldRow>,
    /// The tables listed so far, and where.
    seen: Vec<(&'static FieldTable, String)>,
}

impl Rows {
    fn table(&mut self, table: &'static FieldTable, around: &str) {
        let before = if around.is_empty() { String::new() } else { format!("{around}.") };
        for rule in table.rules {
            for name in rule.names {
                let (mark, below) = match rule.below {
                    Below::Nothing | Below::Free => ("", None),
                    Below::Object(below) => ("", Some(below)),
                    Below::List(below) => ("[]", Some(below)),
                    Below::Map(below) => ("{}", Some(below)),
                };
                let path = format!("{before}{name}{mark}");
                let mut notes = Vec::new();
                if !rule.harmless.is_empty() {
                    let values: Vec<_> = rule.harmless.iter().map(|value| format!("`{value}`")).collect();
                    notes.push(format!("unless {}", values.join(", ")));
                }
                if matches!(rule.below, Below::Free) {
                    notes.push("free below".to_owned());
                }
                let listed =
                    below.and_then(|below| self.seen.iter().find(|(seen, _)| std::ptr::eq(*seen, below)));
                if let Some((_, first)) = listed {
                    notes.push(format!("below as in `{first}`"));
                }
                let known = listed.is_some();
                self.list.push(FieldRow { path: path.clone(), class: rule.class, note: notes.join("; ") });
                if let Some(below) = below.filter(|_| !known) {
                    self.seen.push((below, path.clone()));
                    self.table(below, &path);
                }
            }
        }
    }
}
