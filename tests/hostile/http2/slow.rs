//! Streams that do not go on, beside others on the same connection that do.

use super::frames::{DATA, END_HEADERS, HEADERS, Outcome, Wire, block, frame};
use super::{BODY, bearer, came_through, good};
use crate::server::Server;
use portcullis::testing::FakeClock;
use std::time::{Duration, SystemTime};

#[tokio::test]
async fn a_stream_that_stops_ends_alone() {
    let clock = FakeClock::at(SystemTime::now().into());
    let server = Server::over_http2_with(|gate| gate.clock(clock.shared()), 16 * 1024).await;
    let bearer = bearer(&server);
    let head = block(&good(&bearer, "/generate"));
    let mut wire = Wire::connect(server.address).await;
    let stopped = wire.fresh();
    let begun =
        [frame(HEADERS, END_HEADERS, stopped, &head), frame(DATA, 0, stopped, b"{\"prompt\"")].concat();
    assert!(wire.write(&begun).await);
    assert_eq!(wire.ask(&head, BODY.as_bytes()).await, Outcome::Status(200));
    // The first second that the gate sees may be any of these.
    let mut ended = None;
    for _ in 0..40 {
        clock.advance(Duration::from_secs(1));
        ended = ended.or(wire.ping().await);
    }
    assert_eq!(ended, Some(Outcome::Status(408)));
    assert_eq!(wire.ask(&head, BODY.as_bytes()).await, Outcome::Status(200));
    assert_eq!(came_through(&server), 2);
}
