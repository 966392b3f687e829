//! The example plays its story.

#[path = "../../examples/abac.rs"]
#[allow(dead_code, reason = "its main is the program's")]
mod abac;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_example_goes_as_told() {
    assert!(abac::play(false).await.unwrap());
}
