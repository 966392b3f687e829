use super::defaults;
use super::error::{ReqwestError, setting};
use super::service::ReqwestClient;
use crate::fetch::chain;
use reqwest::{ClientBuilder, redirect, retry};
use std::time::Duration;

const CONNECT: Duration = Duration::from_secs(5);
const SILENCE: Duration = Duration::from_secs(120);

/// Builds a [`ReqwestClient`].
#[derive(Debug)]
pub struct ReqwestClientBuilder {
    client: ClientBuilder,
    connect: Duration,
    silence: Duration,
}

impl ReqwestClient {
    /// Begins a client over that one of reqwest. What its builder says of redirects, retries, proxies, decompression, logs of connections, and
    /// the time for connecting and reading is replaced; its `timeout`, for a whole call with its answer, stays.
    pub fn builder(client: ClientBuilder) -> ReqwestClientBuilder {
        ReqwestClientBuilder { client, connect: CONNECT, silence: SILENCE }
    }
}

impl ReqwestClientBuilder {
    /// How long connecting may take, from the name to the end of the TLS handshake; 5 seconds when not called.
    pub fn connect_within(mut self, limit: Duration) -> Self {
        self.connect = limit;
        self
    }

    /// How long the head of an answer may take, the connection included, and then each silence; 2 minutes when not called.
    pub fn silent_for(mut self, limit: Duration) -> Self {
        self.silence = limit;
        self
    }

    /// The client.
    ///
    /// # Errors
    /// [`Setting`](super::ReqwestErrorKind::Setting), which names the setting that is wrong: a store of cookies, default headers that would pass the
    /// layers by, or one that reqwest cannot be built with.
    pub fn build(self) -> Result<ReqwestClient, ReqwestError> {
        for (field, limit) in [("connect_within", self.connect), ("silent_for", self.silence)] {
            if limit.is_zero() {
                return Err(setting(field, "choose more than zero"));
            }
        }
        // First of all, since what is read below tells of proxies, too.
        let bare = self.client.no_proxy().redirect(redirect::Policy::none()).referer(false);
        defaults::check(&bare)?;
        let bare = bare.retry(retry::never()).no_gzip().no_brotli().no_zstd().no_deflate();
        let bare = bare.connect_timeout(self.connect).read_timeout(self.silence).connection_verbose(false);
        let client = bare.build().map_err(|error| setting("builder", chain(&error.without_url())))?;
        Ok(ReqwestClient(client))
    }
}
