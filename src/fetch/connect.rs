use super::rules::{Rules, Target};
use super::{FetchError, FetchErrorKind};
use http::Uri;
use hyper_util::rt::TokioIo;
use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::net::{TcpStream, lookup_host};
use tower_service::Service;

/// More addresses of one name are not tried.
const MOST_ADDRESSES: usize = 8;

/// Opens connections to addresses that were checked, and to no others.
#[derive(Clone, Debug)]
pub(crate) struct Connector {
    pub(super) rules: Arc<Rules>,
    pub(super) time_limit: Duration,
}

impl Service<Uri> for Connector {
    type Response = TokioIo<TcpStream>;
    type Error = FetchError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, FetchError>> + Send>>;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), FetchError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let connector = self.clone();
        Box::pin(async move {
            let target = connector.rules.target(&uri)?;
            let addresses = connector.rules.admit(&target, connector.resolve(&target).await?)?;
            connector.connect(&addresses).await.map(TokioIo::new)
        })
    }
}

impl Connector {
    async fn resolve(&self, target: &Target) -> Result<Vec<SocketAddr>, FetchError> {
        let at_port = |address: IpAddr| SocketAddr::new(address, target.port);
        if let Ok(address) = target.host.parse::<IpAddr>() {
            return Ok(vec![at_port(address)]);
        }
        if let Some(known) = self.rules.known.get(&target.host) {
            return Ok(known.iter().copied().map(at_port).collect());
        }
        let found = lookup_host((target.host.as_str(), target.port)).await.map_err(|error| {
            FetchErrorKind::Resolve { host: target.host.clone(), problem: error.to_string() }
        })?;
        Ok(found.collect())
    }

    async fn connect(&self, addresses: &[SocketAddr]) -> Result<TcpStream, FetchError> {
        let mut tried = 0;
        let mut last = String::new();
        let share = self.time_limit / u32::try_from(addresses.len().clamp(1, MOST_ADDRESSES)).unwrap_or(1);
        for address in addresses.iter().take(MOST_ADDRESSES) {
            tried += 1;
            match tokio::time::timeout(share, TcpStream::connect(address)).await {
                Ok(Ok(stream)) => {
                    // One small request for each connection in most cases: nothing is gained by waiting for more to send.
                    stream.set_nodelay(true).map_err(|error| FetchErrorKind::Connect(error.to_string()))?;
                    return Ok(stream);
                }
                Ok(Err(error)) => last = error.to_string(),
                Err(_) => last = "it took too long".to_owned(),
            }
        }
        Err(FetchErrorKind::Connect(format!("{tried} addresses tried, the last one: {last}")).into())
    }
}
