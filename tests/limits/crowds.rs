//! Many at once, and a store that is far away.

use super::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_requests_at_once_never_get_one_unit_more_than_the_budget_and_overrun_is_debt() {
    let answer = Answer::Stream(&[PIECE, COUNT, DONE], Then::Ends);
    let gate = Arc::new(Setup::new(Plan::new("free").usage(10_000, Per::Hour)).answering(answer).build());
    let asks: Vec<_> = (0..10_000)
        .map(|_| {
            let gate = gate.clone();
            // 8 units of input and 12 of output
            tokio::spawn(async move { gate.send(asking("ann", r#","stream":true,"max_tokens":12"#)).await })
        })
        .collect();
    let mut admitted = Vec::new();
    for ask in asks {
        let response = ask.await.unwrap();
        match kind(&response) {
            None => admitted.push(response),
            Some(kind) => assert_eq!(kind, RefusalKind::UsageExceeded),
        }
    }
    assert_eq!(admitted.len(), 10_000 / 20);
    assert_eq!(gate.handled.load(Ordering::SeqCst), admitted.len());
    for response in admitted {
        response.into_body().collect().await.unwrap();
    }
    let refused = gate.done(asking("ann", "")).await;
    assert_eq!(kind(&refused), Some(RefusalKind::UsageExceeded));
    assert_eq!(gate.record().limits.unwrap().levels[0].left, 10_000 - 500 * 47);
}

/// Memory behind a network: every answer comes later.
#[derive(Debug)]
struct Far(Arc<MemoryBudgetStore>);

impl BudgetStore for Far {
    fn open(&self, plan: &str, limit: &Limit) -> Result<portcullis::limit::Budget, BudgetStoreError> {
        self.0.open(plan, limit)
    }

    fn holder(&self, dimension: Dimension, facts: &[&str]) -> Holder {
        self.0.holder(dimension, facts)
    }

    fn reserve(&self, charges: Charges, now: Duration) -> Reply {
        let near = self.0.clone();
        Reply::Later(Box::pin(async move {
            tokio::task::yield_now().await;
            match near.reserve(charges, now) {
                Reply::Ready(decision) => decision,
                Reply::Later(later) => later.await,
            }
        }))
    }

    fn settle(&self, charges: Charges, now: Duration) -> Charges {
        self.0.settle(charges, now)
    }
}

#[tokio::test]
async fn a_store_that_answers_later_limits_alike() {
    let mut setup = Setup::new(Plan::new("free").requests(3, Per::Minute).usage(1_000, Per::Hour));
    setup.store = Arc::new(Far(Arc::new(MemoryBudgetStore::default())));
    let gate = setup.build();
    assert_eq!(gate.done(asking("ann", "")).await.status(), StatusCode::OK);
    assert_eq!(gate.settled(), 11);
    assert_eq!(gate.usage_left("ann").await, 989);
    let refused = gate.done(asking("ann", r#","max_tokens":990"#)).await;
    assert_eq!(header(&refused, "x-ratelimit-remaining-requests"), "2", "given back");
    for _ in 0..2 {
        gate.done(asking("ann", "")).await;
    }
    assert_eq!(kind(&gate.done(asking("ann", "")).await), Some(RefusalKind::RateLimited));
}
