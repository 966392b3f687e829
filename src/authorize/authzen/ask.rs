use super::evaluation::{Evaluation, together};
use super::remembered::Remembered;
use super::{AuthZenError, AuthZenErrorKind};
use crate::clock::SharedClock;
use crate::fetch::Fetch;
use crate::payload::{Document, Node};
use aws_lc_rs::digest::{SHA256, digest};
use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderValue, Request, StatusCode, Uri};
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
    /// Where several are asked at once.
    pub(super) evaluations: Option<Uri>,
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
    evaluation: Evaluation,
    key: [u8; 32],
}

impl Question {
    pub(super) fn new(evaluation: Evaluation) -> Self {
        let hash = digest(&SHA256, evaluation.clone().timeless().as_bytes());
        Self { evaluation, key: *hash.as_ref().first_chunk().expect("a SHA-256 has 32 bytes") }
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
        let answer = self.post(&self.endpoint, question.evaluation.body()).await?;
        let permits = decision(answer.root())?;
        self.keep(&question, permits);
        Ok(permits)
    }

    /// Asks about all of these at once (§7), which are about one request, within the time limit; a decision for each, in their order.
    pub(super) async fn ask_at_once(
        &self,
        endpoint: &Uri,
        questions: &[Question],
    ) -> Result<Vec<bool>, AuthZenError> {
        let body = together(questions.iter().map(|question| &question.evaluation));
        let answer = self.post(endpoint, body).await?;
        let decisions = match answer.root().get("evaluations") {
            Some(answers) => answers.items().map(decision).collect::<Result<Vec<bool>, _>>()?,
            None => Vec::new(),
        };
        if decisions.len() != questions.len() {
            let (found, asked) = (decisions.len(), questions.len());
            let problem = format!("`evaluations` holds {found} decisions on {asked} questions");
            return Err(AuthZenErrorKind::Answer(problem).into());
        }
        questions.iter().zip(&decisions).for_each(|(question, permits)| self.keep(question, *permits));
        Ok(decisions)
    }

    fn keep(&self, question: &Question, permits: bool) {
        if !self.remember_for.is_zero() {
            let now = self.clock.elapsed();
            self.remembered.keep(question.key, permits, now.saturating_add(self.remember_for));
        }
    }

    /// The answer, if it is one (§6.2): what may be read in two ways is not believed.
    async fn post(&self, endpoint: &Uri, body: String) -> Result<Document, AuthZenError> {
        let Ok(_room) = self.room.try_acquire() else { return Err(AuthZenErrorKind::Busy(AT_ONCE).into()) };
        let mut request = Request::post(endpoint.clone())
            .header(CONTENT_TYPE, "application/json")
            .header(ACCEPT, "application/json");
        if let Some(bearer) = &self.bearer {
            request = request.header(AUTHORIZATION, bearer.clone());
        }
        let request = request
            .body(Bytes::from(body))
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
        if response.status() != StatusCode::OK {
            return Err(AuthZenErrorKind::Status(response.status().as_u16()).into());
        }
        let document = Document::parse(response.into_body());
        document.map_err(|error| AuthZenErrorKind::Answer(error.to_string()).into())
    }
}

/// §6.2: only `true` permits.
fn decision(answer: Node<'_>) -> Result<bool, AuthZenErrorKind> {
    let decision = answer.get("decision").and_then(Node::as_bool);
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
