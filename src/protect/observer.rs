use super::SealReferences;
use crate::exchange::{AnswerObserver, Cut, End, Exchange, Released};
use crate::payload::{AnswerEvent, AnswerFacts, Edit, json, stored_ids};
use crate::principal::Account;
use crate::refusal::{Refusal, RefusalKind};

/// How many ids of one answer are remembered: the events of a stream name the same few again and again.
const REMEMBERED: usize = 16;

/// Seals the references of an answer.
pub(super) struct SealAnswer {
    references: SealReferences,
    owner: Account,
    /// Ids, and the JSON text of their sealed forms.
    recent: Vec<(Box<str>, Box<str>)>,
}

impl SealAnswer {
    pub(super) fn new(references: SealReferences, owner: Account) -> Self {
        Self { references, owner, recent: Vec::new() }
    }

    fn edits(&mut self, event: &AnswerEvent) -> Result<Vec<Edit>, Cut> {
        let document = match event.json() {
            None => return Ok(Vec::new()),
            Some(Ok(document)) => document,
            Some(Err(error)) => return Err(unreadable(error.to_string())),
        };
        let mut edits = Vec::new();
        for node in stored_ids(document.root()) {
            let id = node.as_str().unwrap_or_default();
            if let Some((_, sealed)) = self.recent.iter().find(|(known, _)| **known == *id) {
                edits.push(Edit::replace(node.id(), sealed.clone()));
                continue;
            }
            let sealed = match self.references.seal(&self.owner, id) {
                None => continue,
                Some(Ok(sealed)) => json::quote(&sealed).into_boxed_str(),
                Some(Err(_)) => {
                    let place = document.place(node.id());
                    return Err(unreadable(format!("the id at {place} is too long to be sealed")));
                }
            };
            if self.recent.len() == REMEMBERED {
                self.recent.remove(0);
            }
            self.recent.push((id.into(), sealed.clone()));
            edits.push(Edit::replace(node.id(), sealed));
        }
        Ok(edits)
    }
}

impl AnswerObserver for SealAnswer {
    fn event(&mut self, event: AnswerEvent, _: &AnswerFacts, released: &mut Released) -> Result<(), Cut> {
        let edits = self.edits(&event)?;
        if edits.is_empty() {
            released.push(event);
        } else {
            released.push(event.edit(&edits).map_err(|error| unreadable(error.to_string()))?);
        }
        Ok(())
    }

    fn end(self: Box<Self>, _: End, _: &AnswerFacts, _: &Exchange) {}
}

fn unreadable(cause: String) -> Cut {
    Cut(Refusal::new(RefusalKind::UnreadableAnswer, "the answer could not be read").cause(cause))
}
