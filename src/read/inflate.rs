//! Undoes a content encoding. What comes out is counted, not what went in: 16 kB of zstd can hold 512 MB.

use super::head::Encoding;
use bytes::Bytes;
use std::io::Read;

/// Why a body could not be decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum InflateError {
    TooLarge,
    Malformed,
}

/// The largest window that a zstd frame may ask for: 2^23 bytes (RFC 8878 §3.1.1.1.2).
const ZSTD_WINDOW_LOG: u32 = 23;

/// Decodes a whole body into at most `limit` bytes. One that ends before its encoding does is malformed.
pub(super) fn inflate(encoding: Encoding, encoded: Bytes, limit: usize) -> Result<Bytes, InflateError> {
    match encoding {
        Encoding::Identity => Ok(encoded),
        Encoding::Gzip => read(flate2::read::MultiGzDecoder::new(&*encoded), limit),
        Encoding::Deflate => read(flate2::read::ZlibDecoder::new(&*encoded), limit),
        Encoding::Brotli => read(brotli::Decompressor::new(&*encoded, 4096), limit),
        Encoding::Zstd => {
            let mut decoder =
                zstd::stream::read::Decoder::new(&*encoded).map_err(|_| InflateError::Malformed)?;
            decoder.window_log_max(ZSTD_WINDOW_LOG).map_err(|_| InflateError::Malformed)?;
            read(decoder, limit)
        }
    }
}

fn read(decoder: impl Read, limit: usize) -> Result<Bytes, InflateError> {
    let mut decoded = Vec::new();
    decoder.take(limit as u64 + 1).read_to_end(&mut decoded).map_err(|_| InflateError::Malformed)?;
    if decoded.len() > limit { Err(InflateError::TooLarge) } else { Ok(decoded.into()) }
}
