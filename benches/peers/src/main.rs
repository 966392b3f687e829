//! What a credential costs here, and what in `tower-oauth2-resource-server`: the same axum application behind each, the same
//! issuer on loopback, found by discovery, and the same credentials (EdDSA), in turn.
//!
//! `cargo run --release --manifest-path benches/peers/Cargo.toml`
//!
//! A figure is the CPU time of one request above that of the application alone. Of several rounds the best counts, since machines
//! are noisy, and the last column is what another machine can be compared by.

use axum::body::Body;
use axum::http::{Request, StatusCode};
use axum::routing::get;
use axum::{Json, Router};
use cpu_time::ThreadTime;
use portcullis::exchange::MatchRouteLayer;
use portcullis::jwt::{Jwks, TrustedIssuer, VerifyJwtLayer};
use portcullis::principal::PeerAddress;
use portcullis::route::{Route, RouteTable};
use portcullis::testing::Issuer;
use serde_json::json;
use std::error::Error;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};
use tower::ServiceExt;
use tower_oauth2_resource_server::server::OAuth2ResourceServer;
use tower_oauth2_resource_server::tenant::TenantConfiguration;

const AUDIENCE: &str = "https://llm.example.com";
const ROUNDS: usize = 20;
/// Different credentials of one round.
const CREDENTIALS: usize = 1_000;

fn main() -> Result<(), Box<dyn Error>> {
    // The issuer, and whatever refreshes its keys, work on threads of their own; requests are answered on this one, whose time is
    // taken.
    let background = Runtime::new()?;
    let issuer = background.block_on(publish())?;
    let (ours, theirs) = (background.block_on(ours(&issuer))?, background.block_on(theirs(&issuer))?);
    let here = Builder::new_current_thread().build()?;
    let _entered = background.enter();

    for (who, service) in [("portcullis", &ours), ("tower-oauth2-resource-server", &theirs)] {
        let strangers = [String::new()];
        if here.block_on(mean(service.clone(), &strangers)).is_ok() {
            return Err(format!("{who} lets in a request without a credential").into());
        }
    }
    let seen = vec![credentials(&issuer, 0..1).remove(0); CREDENTIALS];
    let mut best = [[Duration::MAX; 3]; 2];
    for round in 1..=ROUNDS {
        let unseen = credentials(&issuer, round * CREDENTIALS..(round + 1) * CREDENTIALS);
        for (row, credentials) in [&unseen, &seen].into_iter().enumerate() {
            for (column, service) in [app(), ours.clone(), theirs.clone()].into_iter().enumerate() {
                let mean = here.block_on(mean(service, credentials))?;
                best[row][column] = best[row][column].min(mean);
            }
        }
    }
    println!(
        "{:<20} {:>12} {:>30} {:>15}",
        "credential", "portcullis", "tower-oauth2-resource-server", "ours / theirs"
    );
    for (what, [bare, ours, theirs]) in ["never seen before", "seen before"].into_iter().zip(best) {
        let over = |cost: Duration| cost.saturating_sub(bare).as_secs_f64() * 1e6;
        let (ours, theirs) = (over(ours), over(theirs));
        println!("{what:<20} {ours:>9.2} µs {theirs:>27.2} µs {:>15.3}", ours / theirs);
    }
    println!("{:<20} {:>9.2} µs", "the application", best[1][0].as_secs_f64() * 1e6);
    Ok(())
}

/// An issuer that serves its metadata and its keys.
async fn publish() -> Result<Issuer, Box<dyn Error>> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let issuer = Issuer::new(format!("http://{}", listener.local_addr()?));
    let metadata = json!({ "issuer": issuer.name(), "jwks_uri": format!("{}/jwks", issuer.name()) });
    let jwks = issuer.jwks();
    let published = Router::new()
        .route("/.well-known/openid-configuration", get(move || async { Json(metadata) }))
        .route("/jwks", get(move || async { jwks }));
    tokio::spawn(async { drop(axum::serve(listener, published).await) });
    Ok(issuer)
}

fn app() -> Router {
    Router::new().route("/", get(|| async { "answered" }))
}

async fn ours(issuer: &Issuer) -> Result<Router, Box<dyn Error>> {
    let keys = Jwks::discover(issuer.name()).internal().build()?;
    keys.load().await?;
    let trusted = TrustedIssuer::new(issuer.name()).audience(AUDIENCE).keys(keys);
    let routes = MatchRouteLayer::builder(RouteTable::new([Route::get("/").scope("any")])?).build();
    Ok(app().layer(VerifyJwtLayer::builder().issuer(trusted).build()?).layer(routes))
}

async fn theirs(issuer: &Issuer) -> Result<Router, Box<dyn Error>> {
    let tenant = TenantConfiguration::builder(issuer.name()).audiences(&[AUDIENCE]).build().await?;
    let server = <OAuth2ResourceServer>::builder().add_tenant(tenant).build().await?;
    Ok(app().layer(server.into_layer()))
}

fn credentials(issuer: &Issuer, users: std::ops::Range<usize>) -> Vec<String> {
    let sign = |n: usize| issuer.credential(format!("user-{n}")).audience(AUDIENCE).sign();
    users.map(sign).collect()
}

/// The mean CPU time of a request, which must be let in.
async fn mean(service: Router, credentials: &[String]) -> Result<Duration, Box<dyn Error>> {
    let mut requests = Vec::with_capacity(credentials.len());
    for credential in credentials {
        let request = Request::get("/")
            .header("authorization", format!("Bearer {credential}"))
            .header("host", "localhost");
        requests.push(request.extension(PeerAddress(([127, 0, 0, 1], 4711).into())).body(Body::empty())?);
    }
    let start = ThreadTime::now();
    for request in requests {
        let answer = service.clone().oneshot(request).await?;
        if answer.status() != StatusCode::OK {
            return Err(format!("answered {}", answer.status()).into());
        }
    }
    Ok(start.elapsed() / u32::try_from(credentials.len())?)
}
