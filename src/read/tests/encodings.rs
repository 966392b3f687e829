use super::super::head::Encoding;
use super::super::inflate::{InflateError, inflate};
use bytes::Bytes;
use std::io::{Read, Write};

const ALL: [Encoding; 4] = [Encoding::Gzip, Encoding::Deflate, Encoding::Brotli, Encoding::Zstd];

fn encode(encoding: Encoding, plain: &[u8]) -> Vec<u8> {
    let level = flate2::Compression::best();
    let mut encoded = Vec::new();
    match encoding {
        Encoding::Gzip => flate2::read::GzEncoder::new(plain, level).read_to_end(&mut encoded).map(drop),
        Encoding::Deflate => flate2::read::ZlibEncoder::new(plain, level).read_to_end(&mut encoded).map(drop),
        Encoding::Brotli => brotli::CompressorWriter::new(&mut encoded, 4096, 5, 22).write_all(plain),
        Encoding::Zstd => zstd::stream::copy_encode(plain, &mut encoded, 3),
        Encoding::Identity => encoded.write_all(plain),
    }
    .unwrap();
    encoded
}

fn decode(encoding: Encoding, encoded: impl Into<Bytes>) -> Result<Bytes, InflateError> {
    inflate(encoding, encoded.into(), 1_000)
}

#[test]
fn what_comes_out_is_counted() {
    for encoding in ALL {
        assert_eq!(decode(encoding, encode(encoding, &[b'x'; 1_000])).unwrap(), [b'x'; 1_000][..]);
        assert_eq!(decode(encoding, encode(encoding, &[b'x'; 1_001])), Err(InflateError::TooLarge));
        let bomb = encode(encoding, &vec![0; 16 << 20]);
        assert!(bomb.len() < 100_000, "{encoding:?} {}", bomb.len());
        assert_eq!(decode(encoding, bomb), Err(InflateError::TooLarge));
    }
}

#[test]
fn a_body_that_ends_early_or_goes_on_is_malformed() {
    let plain = br#"{"prompt": "the quick brown fox jumps over the lazy dog"}"#;
    for encoding in ALL {
        let whole = encode(encoding, plain);
        for end in 0..whole.len() {
            let early = decode(encoding, whole[..end].to_vec());
            assert!(early.is_err() || end == 0, "{encoding:?} ends at {end} of {}: {early:?}", whole.len());
        }
        for more in [&b"x"[..], b"{}", b"\0\0\0\0\0\0\0\0\0\0\0\0", &[b'x'; 10_000]] {
            let mut longer = whole.clone();
            longer.extend_from_slice(more);
            assert_eq!(decode(encoding, longer), Err(InflateError::Malformed), "{encoding:?}");
        }
        assert_eq!(
            decode(encoding, &b"not encoded at all"[..]),
            Err(InflateError::Malformed),
            "{encoding:?}"
        );
    }
}

#[test]
fn a_large_brotli_window_is_refused_before_its_gigabyte_is_taken() {
    let mut encoded = Vec::new();
    let settings = brotli::enc::BrotliEncoderParams {
        large_window: true,
        lgwin: 30,
        ..brotli::enc::BrotliEncoderParams::default()
    };
    brotli::BrotliCompress(&mut &b"{}"[..], &mut encoded, &settings).unwrap();
    assert_eq!(encoded[0] & 0x7f, 0x11, "the encoder asked for a large window");
    assert_eq!(decode(Encoding::Brotli, encoded), Err(InflateError::Malformed));
}
