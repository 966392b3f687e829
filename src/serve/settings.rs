use hyper::server::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use std::time::Duration;

/// The bounds of a [`Server`](super::Server) on each client, beside those of the handshake.
#[derive(Clone, Debug)]
pub struct HttpLimits {
    pub(super) head_time: Duration,
    pub(super) idle_time: Duration,
    pub(super) shutdown_time: Duration,
    pub(super) max_connections: usize,
    max_head_bytes: u32,
    max_streams: u32,
    keep_alive: Duration,
}

/// How many streams a client may reset before they were looked at (CVE-2023-44487) until its connection ends.
const MAX_PENDING_RESETS: usize = 20;
/// How many errors of a client are answered by a reset (CVE-2025-8671) until its connection ends.
const MAX_LOCAL_RESETS: usize = 100;
/// HTTP/1.1 reads a head into a buffer, which is no smaller than this.
const MIN_HEAD_BYTES: u32 = 8 * 1024;

impl Default for HttpLimits {
    /// 10 seconds for a head, 60 without a request, 30 for a shutdown; 16,384 connections, 100 streams on each; heads up to 32 KiB; a ping
    /// every 20 seconds.
    fn default() -> Self {
        Self {
            head_time: Duration::from_secs(10),
            idle_time: Duration::from_secs(60),
            shutdown_time: Duration::from_secs(30),
            max_connections: 16_384,
            max_head_bytes: 32 * 1024,
            max_streams: 100,
            keep_alive: Duration::from_secs(20),
        }
    }
}

impl HttpLimits {
    /// Within what time a request's head must have come: the first after the handshake, and in HTTP/1.1 each one after the one before
    /// was answered.
    pub fn head_time_limit(mut self, limit: Duration) -> Self {
        self.head_time = limit;
        self
    }

    /// After what time without a request a connection ends.
    pub fn idle_time_limit(mut self, limit: Duration) -> Self {
        self.idle_time = limit;
        self
    }

    /// How long a shutdown waits for the requests that are being answered.
    pub fn shutdown_time_limit(mut self, limit: Duration) -> Self {
        self.shutdown_time = limit;
        self
    }

    /// How many connections may be open, with those whose handshake is under way. More wait in the socket's own queue.
    pub fn max_connections(mut self, connections: usize) -> Self {
        self.max_connections = connections;
        self
    }

    /// How large a request's head may be, in bytes: its line and its fields; at least 8 KiB for HTTP/1.1. One that is larger is
    /// answered with 431, in HTTP/2 (RFC 9113 §6.5.2) as in HTTP/1.1.
    pub fn max_head_bytes(mut self, bytes: u32) -> Self {
        self.max_head_bytes = bytes;
        self
    }

    /// How many requests a client may have open on one HTTP/2 connection (RFC 9113 §5.1.2).
    pub fn max_streams(mut self, streams: u32) -> Self {
        self.max_streams = streams;
        self
    }

    /// How often an HTTP/2 client is pinged, and within what time it must answer.
    pub fn keep_alive(mut self, period: Duration) -> Self {
        self.keep_alive = period;
        self
    }

    pub(super) fn http1(&self) -> http1::Builder {
        let mut builder = http1::Builder::new();
        builder
            .timer(TokioTimer::new())
            .header_read_timeout(self.head_time)
            .max_buf_size(self.max_head_bytes.max(MIN_HEAD_BYTES) as usize)
            .half_close(false);
        builder
    }

    pub(super) fn http2(&self) -> http2::Builder<TokioExecutor> {
        let mut builder = http2::Builder::new(TokioExecutor::new());
        builder
            .timer(TokioTimer::new())
            .max_concurrent_streams(self.max_streams)
            .max_pending_accept_reset_streams(MAX_PENDING_RESETS)
            .max_local_error_reset_streams(MAX_LOCAL_RESETS)
            .max_header_list_size(self.max_head_bytes)
            .keep_alive_interval(self.keep_alive)
            .keep_alive_timeout(self.keep_alive);
        builder
    }
}
