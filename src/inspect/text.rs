//! A string to be inspected, in every form in which a model may read it.

use std::borrow::Cow;
use std::ops::Range;

use super::decode::{decode_binary, decode_run, decode_tags, encoded_runs, unescape};
use super::disguise::{Disguise, reverse, rot13, unleet, unspell};
use super::normalise::{Shifts, normalise};

/// Where a text comes from, which tells what may stand in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Provenance {
    /// The application's own words: system and developer messages, definitions of tools.
    Instructions,
    /// What was said: messages of the user and of the assistant, as the client tells them.
    Conversation,
    /// What was fetched: answers of tools, documents. Nobody in the conversation wrote it.
    Document,
}

/// One string of a payload: as it was sent, and as it reads once its disguises are undone.
#[derive(Debug)]
pub struct ScannedText<'a> {
    provenance: Provenance,
    raw: View<'a>,
    /// Empty for next to every text, and then without memory of its own.
    derived: Vec<View<'a>>,
}

impl<'a> ScannedText<'a> {
    /// The views of `raw`; `disguises` are the bits of those that the first pass met.
    pub(super) fn new(raw: &'a str, provenance: Provenance, disguises: u8) -> Self {
        let mut views = Vec::new();
        if let Some((text, shifts)) = normalise(raw) {
            if let Some((hidden, span)) = decode_tags(raw) {
                views.push(View::decoded(hidden, span));
            }
            views.push(View {
                form: Form::Normalised,
                text: Cow::Owned(text),
                origin: Origin::Shifted(shifts),
            });
        }
        // All runs in one view: what was cut into several is read as a whole, and many small runs cost no more.
        let mut decoded = String::new();
        let mut runs = Vec::new();
        for run in encoded_runs(raw) {
            if let Some(text) = decode_run(&raw[run.clone()]) {
                runs.push((decoded.len(), run));
                decoded.push_str(&normalise(&text).map_or(text, |(text, _)| text));
                decoded.push(' ');
            }
        }
        if !runs.is_empty() {
            views.push(View { form: Form::Decoded, text: Cow::Owned(decoded), origin: Origin::Runs(runs) });
        }
        if disguises != 0 {
            undisguise(raw, disguises, &mut views);
        }
        let raw = View { form: Form::Raw, text: Cow::Borrowed(raw), origin: Origin::Same };
        Self { provenance, raw, derived: views }
    }

    /// Where it comes from.
    pub fn provenance(&self) -> Provenance {
        self.provenance
    }

    /// As it was sent.
    pub fn raw(&self) -> &str {
        &self.raw.text
    }

    /// Every form of it, the raw one first. A detector reads all of them.
    pub fn views(&self) -> impl Iterator<Item = &View<'a>> {
        std::iter::once(&self.raw).chain(&self.derived)
    }
}

fn undisguise(raw: &str, disguises: u8, views: &mut Vec<View<'_>>) {
    let whole = 0..raw.len();
    // What was normalised has lost its places; the whole string is where it was found.
    let normalised =
        views.iter().find(|view| view.form == Form::Normalised).map(|view| view.text.to_string());
    let plain = normalised.as_deref().unwrap_or(raw);
    for disguise in Disguise::ALL.into_iter().filter(|disguise| disguises & disguise.bit() != 0) {
        let (text, shifts) = match disguise {
            Disguise::Leet => (unleet(plain), None),
            Disguise::Rot13 => (rot13(plain), None),
            Disguise::Spelled => {
                let (text, shifts) = unspell(plain);
                (text, Some(Origin::Shifted(shifts)))
            }
            Disguise::Reversed => (reverse(plain), Some(Origin::Run(whole.clone()))),
            Disguise::Binary => match decode_binary(raw) {
                Some((text, span)) => (text, Some(Origin::Run(span))),
                None => continue,
            },
            Disguise::Escaped => match unescape(raw) {
                Some(text) => (text, Some(Origin::Run(whole.clone()))),
                None => continue,
            },
        };
        let origin = match shifts {
            Some(run @ Origin::Run(_)) => run,
            _ if normalised.is_some() => Origin::Run(whole.clone()),
            Some(shifted) => shifted,
            None => Origin::Same,
        };
        let text = normalise(&text).map_or(text, |(text, _)| text);
        views.push(View { form: Form::Decoded, text: Cow::Owned(text), origin });
    }
}

/// One form of a string.
#[derive(Debug)]
pub struct View<'a> {
    form: Form,
    text: Cow<'a, str>,
    origin: Origin,
}

impl View<'_> {
    fn decoded(text: String, run: Range<usize>) -> Self {
        let text = normalise(&text).map_or(text, |(text, _)| text);
        View { form: Form::Decoded, text: Cow::Owned(text), origin: Origin::Run(run) }
    }

    /// Which form it is.
    pub fn form(&self) -> Form {
        self.form
    }

    /// The text in this form.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The bytes of the string as sent that `span` of this form came from.
    pub fn origin(&self, span: Range<usize>) -> Range<usize> {
        match &self.origin {
            Origin::Same => span,
            Origin::Shifted(shifts) => shifts.origin(span.start)..shifts.origin(span.end),
            Origin::Run(run) => run.clone(),
            Origin::Runs(runs) => {
                let run = |place| &runs[runs.partition_point(|run| run.0 <= place).saturating_sub(1)].1;
                run(span.start).start..run(span.end.saturating_sub(1).max(span.start)).end
            }
        }
    }
}

/// In which form a string is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Form {
    /// As it was sent.
    Raw,
    /// Compatibility forms, accents, invisible characters and look-alikes folded.
    Normalised,
    /// A run or a disguise in it, decoded.
    Decoded,
}

#[derive(Debug)]
enum Origin {
    Same,
    Shifted(Shifts),
    Run(Range<usize>),
    /// Where in the derived text each run begins, and where the run stands.
    Runs(Vec<(usize, Range<usize>)>),
}
