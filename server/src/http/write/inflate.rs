//! `Content-Encoding`: decompresses bodies.

use std::io::{self, Read};

use axum::http::{HeaderMap, header};
use flate2::{Decompress, FlushDecompress, Status, read::MultiGzDecoder};

/// The maximum Zstandard window of HTTP decoders, as a power of two (RFC 9659).
const ZSTD_WINDOW: u32 = 23;

/// The compression of a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Coding {
    Gzip,
    Deflate,
    Zstd,
    Brotli,
}

impl Coding {
    /// `None` if the body is not compressed.
    ///
    /// # Errors
    /// The name of an unknown encoding.
    pub(super) fn of(headers: &HeaderMap) -> Result<Option<Self>, String> {
        let Some(encoding) = headers.get(header::CONTENT_ENCODING) else { return Ok(None) };
        let text = encoding.to_str().unwrap_or("?").trim();
        match text.to_ascii_lowercase().as_str() {
            "" | "identity" => Ok(None),
            "gzip" | "x-gzip" => Ok(Some(Self::Gzip)),
            "deflate" => Ok(Some(Self::Deflate)),
            "zstd" => Ok(Some(Self::Zstd)),
            "br" => Ok(Some(Self::Brotli)),
            _ => Err(text.chars().take(64).collect()),
        }
    }
}

/// Decompresses a whole body; `None` if the result exceeds `most` bytes.
///
/// # Errors
/// The data is invalid or truncated.
pub(super) fn decompress(coding: Coding, compressed: &[u8], most: usize) -> io::Result<Option<Vec<u8>>> {
    match coding {
        Coding::Gzip => read_limited(MultiGzDecoder::new(compressed), compressed, most),
        // Some clients send raw deflate, although the name means zlib.
        Coding::Deflate => inflate_deflate(compressed, is_zlib(compressed), most),
        Coding::Zstd => {
            let mut decoder = zstd::Decoder::with_buffer(compressed)?;
            decoder.window_log_max(ZSTD_WINDOW)?;
            read_limited(decoder, compressed, most)
        }
        Coding::Brotli => read_limited(brotli::Decompressor::new(compressed, 16 << 10), compressed, most),
    }
}

fn read_limited(decoder: impl Read, compressed: &[u8], most: usize) -> io::Result<Option<Vec<u8>>> {
    let mut plain = Vec::with_capacity((compressed.len() * 4).min(most));
    decoder.take(most as u64 + 1).read_to_end(&mut plain)?;
    Ok((plain.len() <= most).then_some(plain))
}

/// `flate2`'s readers accept truncated streams, so this loop replaces them.
fn inflate_deflate(compressed: &[u8], zlib: bool, most: usize) -> io::Result<Option<Vec<u8>>> {
    let mut stream = Decompress::new(zlib);
    let mut plain = Vec::with_capacity((compressed.len() * 4).max(64).min(most + 1));
    loop {
        let rest = compressed.get(stream.total_in() as usize..).unwrap_or_default();
        let status = stream.decompress_vec(rest, &mut plain, FlushDecompress::None)?;
        if plain.len() > most {
            return Ok(None);
        }
        match status {
            Status::StreamEnd => return Ok(Some(plain)),
            _ if plain.len() == plain.capacity() => {
                plain.reserve_exact(plain.len().max(64).min(most + 1 - plain.len()))
            }
            _ => return Err(io::ErrorKind::UnexpectedEof.into()),
        }
    }
}

/// Whether the first two bytes are a zlib header (RFC 1950, section 2.2).
fn is_zlib(bytes: &[u8]) -> bool {
    matches!(bytes, [method, flags, ..] if method & 0x0f == 8 && u16::from_be_bytes([*method, *flags]) % 31 == 0)
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::{
        Compression,
        write::{DeflateEncoder, GzEncoder, ZlibEncoder},
    };

    use super::*;

    fn compressed(plain: &[u8]) -> Vec<(Coding, Vec<u8>)> {
        let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
        let mut zlib = ZlibEncoder::new(Vec::new(), Compression::fast());
        let mut deflate = DeflateEncoder::new(Vec::new(), Compression::fast());
        let mut brotli = brotli::CompressorWriter::new(Vec::new(), 4096, 3, 20);
        gzip.write_all(plain).unwrap();
        zlib.write_all(plain).unwrap();
        deflate.write_all(plain).unwrap();
        brotli.write_all(plain).unwrap();
        let gzip = gzip.finish().unwrap();
        let (half, rest) = plain.split_at(plain.len() / 2);
        let parts = [half, rest].map(|part| zstd::encode_all(part, 1).unwrap());
        vec![
            (Coding::Gzip, gzip),
            (Coding::Deflate, zlib.finish().unwrap()),
            (Coding::Deflate, deflate.finish().unwrap()),
            (Coding::Zstd, zstd::encode_all(plain, 3).unwrap()),
            (Coding::Zstd, parts.concat()),
            (Coding::Brotli, brotli.into_inner()),
        ]
    }

    #[test]
    fn every_coding_reads_up_to_the_limit() {
        let plain: Vec<u8> = (0..100_000u32).flat_map(u32::to_be_bytes).collect();
        for (coding, compressed) in compressed(&plain) {
            assert!(decompress(coding, &compressed, plain.len()).unwrap() == Some(plain.clone()), "{coding:?}");
            assert!(decompress(coding, &compressed, plain.len() - 1).unwrap().is_none(), "{coding:?}");
            let cut = &compressed[..compressed.len() / 2];
            assert!(decompress(coding, cut, plain.len()).is_err(), "{coding:?}");
            assert!(decompress(coding, b"nonsense", plain.len()).is_err(), "{coding:?}");
        }
    }

    #[test]
    fn members_that_follow_each_other_are_one_body() {
        let gzip = |text: &str| {
            let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
            gzip.write_all(text.as_bytes()).unwrap();
            gzip.finish().unwrap()
        };
        assert_eq!(decompress(Coding::Gzip, &[gzip("a"), gzip("b")].concat(), 10).unwrap().unwrap(), b"ab");
    }

    #[test]
    fn codings_are_known_by_name() {
        let of = |text: &str| {
            let headers = HeaderMap::from_iter([(header::CONTENT_ENCODING, text.parse().unwrap())]);
            Coding::of(&headers)
        };
        assert_eq!(Coding::of(&HeaderMap::new()), Ok(None));
        for (text, coding) in [
            ("gzip", Some(Coding::Gzip)),
            ("GZip", Some(Coding::Gzip)),
            ("deflate", Some(Coding::Deflate)),
            ("zstd", Some(Coding::Zstd)),
            ("br", Some(Coding::Brotli)),
            ("identity", None),
        ] {
            assert_eq!(of(text), Ok(coding), "{text}");
        }
        assert_eq!(of("gzip, br"), Err("gzip, br".to_owned()));
    }
}
