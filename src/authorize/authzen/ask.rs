use super::evaluation::Evaluation;
use super::remembered::Remembered;
use super::{AuthZenError, AuthZenErrorKind};
use crate::clock::SharedClock;
use crate::fetch::Fetch;
use crate::payload::{Document, Node};
use aws_lc_rs::digest::{SHA256, digest};
use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderValue, Request, Response, StatusCode, Uri};
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;
use tokio::sync::Semaphore;

/// How many questions may be under way at once.
const AT_ONCE: usize = 256;

/// What asks a decision point, and remembers what it said.
#[derive(Debug)]
pub(super) struct Asker {
    pub(super) endpoint: Uri,
    pub(super) fetch: Arc<dyn Fetch>,
    pub(super) bearer: Option<HeaderValue>,
    pub(super) remember_for: Duration,
    pub(super) time_limit: Duration,
    pub(super) clock: SharedClock,
    pub(super) remembered: Remembered,
    pub(super) room: Semaphore,
}

/// A question, and what its decision is remembered by.
#[derive(Clone, Debug)]
pub(super) struct Question {
    body: String,
    key: [u8; 32],
}

impl Question {
    pub(super) fn new(evaluation: Evaluation) -> Self {
        let body = evaluation.body();
        let hash = digest(&SHA256, evaluation.timeless().as_bytes());
        Self { body, key: *hash.as_ref().first_chunk().expect("a SHA-256 has 32 bytes") }
    }
}

pub(super) fn room() -> Semaphore {
    Semaphore::new(AT_ONCE)
}

impl Asker {
    /// What is remembered, if it still holds.
    pub(super) fn recall(&self, question: &Question) -> Option<bool> {
        self.remembered.find(&question.key, self.clock.elapsed())
    }

    /// Asks, within the time limit.
    pub(super) async fn ask(&self, question: Question) -> Result<bool, AuthZenError> {
        let Ok(_room) = self.room.try_acquire() else { return Err(AuthZenErrorKind::Busy(AT_ONCE).into()) };
        let mut request = Request::post(self.endpoint.clone())
            .header(CONTENT_TYPE, "application/json")
            .header(ACCEPT, "application/json");
        if let Some(bearer) = &self.bearer {
            request = request.header(AUTHORIZATION, bearer.clone());
        }
        let request = request
            .body(Bytes::from(question.body))
            .map_err(|error| AuthZenErrorKind::Unreachable(error.to_string()))?;
        let mut answer = self.fetch.fetch(request);
        let mut too_late = self.clock.sleep(self.time_limit);
        let answered = poll_fn(|cx| {
            if let Poll::Ready(answer) = Pin::new(&mut answer).poll(cx) {
                return Poll::Ready(Some(answer));
            }
            Pin::new(&mut too_late).poll(cx).map(|()| None)
        });
        let response = match answered.await {
            Some(answer) => answer.map_err(|error| AuthZenErrorKind::Unreachable(error.to_string()))?,
            None => return Err(AuthZenErrorKind::TooLate(self.time_limit.as_millis()).into()),
        };
        let permits = read(&response)?;
        if !self.remember_for.is_zero() {
            let now = self.clock.elapsed();
            self.remembered.keep(question.key, permits, now.saturating_add(self.remember_for));
        }
        Ok(permits)
    }
}

/// §6.2: only `true` permits, and nothing that may be read in two ways is believed.
fn read(response: &Response<Bytes>) -> Result<bool, AuthZenErrorKind> {
    if response.status() != StatusCode::OK {
        return Err(AuthZenErrorKind::Status(response.status().as_u16()));
    }
    let document = Document::parse(response.body().clone())
        .map_err(|error| AuthZenErrorKind::Answer(error.to_string()))?;
    let decision = document.root().get("decision").and_then(Node::as_bool);
    decision.ok_or_else(|| AuthZenErrorKind::Answer("`decision` is missing, or no boolean".to_owned()))
}

/// Waits for all of them; the first that refuses or fails ends it. Answers with its place.
pub(super) async fn all<F>(mut asked: Vec<(usize, Pin<Box<F>>)>) -> Result<(), (usize, Option<AuthZenError>)>
where
    F: Future<Output = Result<bool, AuthZenError>>,
{
    poll_fn(move |cx| {
        let mut place = 0;
        while let Some((which, question)) = asked.get_mut(place) {
            match question.as_mut().poll(cx) {
                Poll::Pending => place += 1,
                Poll::Ready(Ok(true)) => drop(asked.swap_remove(place)),
                Poll::Ready(Ok(false)) => return Poll::Ready(Err((*which, None))),
                Poll::Ready(Err(error)) => return Poll::Ready(Err((*which, Some(error)))),
            }
        }
        if asked.is_empty() { Poll::Ready(Ok(())) } else { Poll::Pending }
    })
    .await
}
