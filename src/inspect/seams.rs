//! What stands across the seams of a text that was sent in pieces.
//!
//! A message may come as several blocks of text, and a turn as several messages. The model reads them one after the
//! other, so what is cut in two between them is read here as well: with nothing in between, as some servers join them,
//! and with a line feed, as others do.

use super::inspection::{Action, Inspection};
use super::step::provenance;
use crate::payload::{Document, Findings, Node, NodeId, PromptPart, Role};

/// How much of each side of a seam is read, in bytes: more than any rule reaches.
const REACH: usize = 1024;

/// Texts that the model reads one after the other, from the last [`REACH`] bytes of the first on.
struct Run<'a> {
    role: Role,
    pieces: Vec<Piece<'a>>,
}

struct Piece<'a> {
    node: NodeId,
    /// Where in the string it begins.
    from: usize,
    text: &'a str,
}

/// Reads across the seams of a request's texts. What does not cross one was found before.
pub(super) fn read(
    inspection: &Inspection,
    document: &Document,
    parts: &[PromptPart],
    findings: &mut Findings,
) {
    for run in runs(document, parts) {
        let spaced = |pair: &[Piece<'_>]| {
            pair[0].text.ends_with(char::is_whitespace) || pair[1].text.starts_with(char::is_whitespace)
        };
        let glues = if run.pieces.windows(2).all(spaced) { &[""][..] } else { &["", "\n"][..] };
        for glue in glues {
            run.read(inspection, document, glue, findings);
        }
    }
}

impl Run<'_> {
    fn read(&self, inspection: &Inspection, document: &Document, glue: &str, findings: &mut Findings) {
        let mut text = String::new();
        let mut starts = Vec::with_capacity(self.pieces.len());
        for (n, piece) in self.pieces.iter().enumerate() {
            text.push_str(if n > 0 { glue } else { "" });
            starts.push(text.len());
            text.push_str(piece.text);
        }
        let mut note = |mut finding: crate::payload::Finding| {
            let first = starts.partition_point(|start| *start <= finding.span.start).saturating_sub(1);
            let crosses = starts.get(first + 1).is_some_and(|next| finding.span.end > *next);
            if !crosses || inspection.action(finding.category) == Action::Off {
                return;
            }
            let piece = &self.pieces[first];
            let within = (finding.span.start - starts[first]).min(piece.text.len());
            finding.span = piece.from + within..piece.from + piece.text.len();
            findings.push_at(finding, |kept| kept.pointer = document.place(piece.node).into());
        };
        inspection.rules().scan(&text, provenance(self.role), &mut note);
    }
}

/// The runs of at least two pieces.
fn runs<'a>(document: &'a Document, parts: &[PromptPart]) -> Vec<Run<'a>> {
    let mut runs: Vec<Run<'a>> = Vec::new();
    let mut open: Option<Run<'a>> = None;
    let mut spoken =
        parts.iter().filter_map(|part| Some((part, spoken(part.role, document.node(part.node)?)?)));
    // Most requests say one thing, which has no seam.
    let (Some(first), Some(second)) = (spoken.next(), spoken.next()) else { return runs };
    let spoken = [first, second].into_iter().chain(spoken);
    for (part, text) in spoken {
        let (head, tail) = ends(text);
        let piece = |from: usize, text| Piece { node: part.node, from, text };
        if open.as_ref().is_none_or(|run| run.role != part.role) {
            runs.extend(open.replace(Run { role: part.role, pieces: Vec::new() }));
        }
        let Some(run) = &mut open else { continue };
        run.pieces.push(piece(0, head));
        if let Some(tail) = tail {
            let rest = Run { role: part.role, pieces: vec![piece(text.len() - tail.len(), tail)] };
            runs.extend(open.replace(rest));
        }
    }
    runs.extend(open);
    runs.retain(|run| run.pieces.len() > 1);
    runs
}

/// The text of a string that is said, as against one that names or describes something.
fn spoken(role: Role, node: Node<'_>) -> Option<&str> {
    let said = matches!(role, Role::User | Role::Assistant | Role::System | Role::Developer | Role::Tool);
    let named = !node.is_key()
        && matches!(
            node.name(),
            None | Some("text" | "content" | "prompt" | "inputs" | "input" | "system" | "suffix" | "output")
        );
    node.as_str().filter(|text| said && named && !text.trim().is_empty())
}

/// The beginning and the end of a text, or all of it where they meet.
fn ends(text: &str) -> (&str, Option<&str>) {
    if text.len() <= 2 * REACH {
        return (text, None);
    }
    let (head, tail) =
        ((0..=REACH).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0), text.len() - REACH);
    let tail = (tail..).find(|at| text.is_char_boundary(*at)).unwrap_or(text.len());
    (&text[..head], Some(&text[tail..]))
}
