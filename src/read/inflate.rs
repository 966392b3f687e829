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

/// Decodes a whole body into at most `limit` bytes. One that ends before its encoding does, or goes on after it, is
/// malformed: what a decoder leaves unread, another one may read.
pub(super) fn inflate(encoding: Encoding, encoded: Bytes, limit: usize) -> Result<Bytes, InflateError> {
    match encoding {
        Encoding::Identity => Ok(encoded),
        Encoding::Gzip => read(flate2::read::MultiGzDecoder::new(&*encoded), limit),
        Encoding::Deflate => {
            let mut decoder = flate2::bufread::ZlibDecoder::new(&*encoded);
            let decoded = read(&mut decoder, limit)?;
            used_up(decoder.into_inner(), decoded)
        }
        Encoding::Brotli => {
            // A "large window" is no part of RFC 7932, and ten bytes that ask for one take a gigabyte.
            if encoded.first().is_some_and(|first| first & 0x7f == 0x11) {
                return Err(InflateError::Malformed);
            }
            let mut decoder = brotli::Decompressor::new(&*encoded, BROTLI_BUFFER);
            let decoded = read(&mut decoder, limit)?;
            // Read on after its end, the decoder tells whether its buffer holds more.
            decoder.read(&mut [0]).map_err(|_| InflateError::Malformed)?;
            used_up(decoder.get_ref(), decoded)
        }
        Encoding::Zstd => {
            let mut decoder =
                zstd::stream::read::Decoder::new(&*encoded).map_err(|_| InflateError::Malformed)?;
            decoder.window_log_max(ZSTD_WINDOW_LOG).map_err(|_| InflateError::Malformed)?;
            read(decoder, limit)
        }
    }
}

const BROTLI_BUFFER: usize = 4096;

fn read(decoder: impl Read, limit: usize) -> Result<Bytes, InflateError> {
    let mut decoded = Vec::new();
    decoder.take(limit as u64 + 1).read_to_end(&mut decoded).map_err(|_| InflateError::Malformed)?;
    if decoded.len() > limit { Err(InflateError::TooLarge) } else { Ok(decoded.into()) }
}

fn used_up(rest: &[u8], decoded: Bytes) -> Result<Bytes, InflateError> {
    if rest.is_empty() { Ok(decoded) } else { Err(InflateError::Malformed) }
}
