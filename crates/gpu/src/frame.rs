//! Frames of the program's standard input and output: u32 LE length of the rest, u32 LE length of the header, the header
//! (a JSON object in UTF-8), the payload. Lengths are checked before anything is allocated.
use std::io::{self, Read, Write};

use crate::error::Error;

/// Bytes of one frame after its first length.
pub const FRAME_MAX: usize = 1 << 30;
/// Bytes of a header.
pub const HEADER_MAX: usize = 64 << 10;

/// The beginning of a frame: its payload is still to be read (or skipped).
#[derive(Debug, PartialEq, Eq)]
pub struct Head {
    pub header: Vec<u8>,
    /// Bytes of payload that follow.
    pub payload: usize,
}

fn broken(error: &io::Error) -> Error {
    Error::Frame(error.to_string())
}

/// Four bytes, or none where the stream ends before the first of them.
fn length(from: &mut impl Read) -> Result<Option<usize>, Error> {
    let mut bytes = [0_u8; 4];
    let mut filled = 0;
    while filled < bytes.len() {
        match from.read(bytes.get_mut(filled..).unwrap_or_default()) {
            Ok(0) if filled == 0 => return Ok(None),
            Ok(0) => return Err(Error::Frame(String::from("the stream ends within a length"))),
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(broken(&error)),
        }
    }
    Ok(Some(u32::from_le_bytes(bytes) as usize))
}

/// Reads up to the payload; none at the end of the stream, which may only come between frames.
///
/// # Errors
/// `Frame` where the lengths are impossible or the stream ends within.
pub fn read_head(from: &mut impl Read) -> Result<Option<Head>, Error> {
    let Some(rest) = length(from)? else { return Ok(None) };
    if !(4..=FRAME_MAX).contains(&rest) {
        return Err(Error::Frame(format!("a frame of {rest} bytes, 4 to {FRAME_MAX} possible")));
    }
    let ended = || Error::Frame(String::from("the stream ends within a frame"));
    let size = length(from)?.ok_or_else(ended)?;
    if size > HEADER_MAX || size > rest - 4 {
        return Err(Error::Frame(format!("a header of {size} bytes in a frame of {rest}, at most {HEADER_MAX}")));
    }
    let mut header = vec![0; size];
    from.read_exact(&mut header).map_err(|error| broken(&error))?;
    Ok(Some(Head { header, payload: rest - 4 - size }))
}

/// Reads a payload; the caller has compared its size with what the header promises.
///
/// # Errors
/// `Frame` where the stream ends within, `Memory` where there is no room: then the payload has been skipped.
pub fn read_payload(from: &mut impl Read, size: usize) -> Result<Vec<u8>, Error> {
    let mut payload = Vec::new();
    if payload.try_reserve_exact(size).is_err() {
        skip_payload(from, size)?;
        return Err(Error::Memory(format!("{size} bytes of payload")));
    }
    let read = from.take(size as u64).read_to_end(&mut payload).map_err(|error| broken(&error))?;
    if read == size { Ok(payload) } else { Err(Error::Frame(String::from("the stream ends within a payload"))) }
}

/// Reads a payload without keeping it.
///
/// # Errors
/// `Frame` where the stream ends within.
pub fn skip_payload(from: &mut impl Read, size: usize) -> Result<(), Error> {
    let skipped = io::copy(&mut from.take(size as u64), &mut io::sink()).map_err(|error| broken(&error))?;
    if skipped == size as u64 { Ok(()) } else { Err(Error::Frame(String::from("the stream ends within a payload"))) }
}

/// Writes one frame and flushes.
///
/// # Errors
/// What the stream says, or `InvalidInput` for a frame beyond the limits.
pub fn write(to: &mut impl Write, header: &[u8], payload: &[u8]) -> io::Result<()> {
    let rest = 4 + header.len() + payload.len();
    if header.len() > HEADER_MAX || rest > FRAME_MAX {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, format!("a frame of {rest} bytes")));
    }
    to.write_all(&(rest as u32).to_le_bytes())?;
    to.write_all(&(header.len() as u32).to_le_bytes())?;
    to.write_all(header)?;
    to.write_all(payload)?;
    to.flush()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn framed(header: &[u8], payload: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        write(&mut out, header, payload).unwrap();
        out
    }

    #[test]
    fn what_is_written_is_read_back() {
        let mut stream = framed(b"{}", b"abc");
        stream.extend(framed(b"{\"id\":1}", b""));
        let mut from = stream.as_slice();
        assert_eq!(read_head(&mut from).unwrap(), Some(Head { header: b"{}".to_vec(), payload: 3 }));
        assert_eq!(read_payload(&mut from, 3).unwrap(), b"abc");
        assert_eq!(read_head(&mut from).unwrap().unwrap().payload, 0);
        assert_eq!(read_head(&mut from).unwrap(), None);
    }

    #[test]
    fn every_cut_within_a_frame_is_refused() {
        let whole = framed(b"{\"id\":1}", b"payload");
        for end in 1..whole.len() {
            let mut from = &whole[..end];
            let result = read_head(&mut from).and_then(|head| read_payload(&mut from, head.unwrap().payload));
            assert!(matches!(result, Err(Error::Frame(_))), "cut at {end}");
        }
    }

    #[test]
    fn impossible_lengths_are_refused_before_anything_is_allocated() {
        for (rest, header) in [(0, 0), (3, 0), (u32::MAX, 0), (1 << 30 | 1, 0), (100, 97), (1 << 20, (64 << 10) + 1)] {
            let bytes: Vec<u8> = [u32::to_le_bytes(rest), u32::to_le_bytes(header)].concat();
            assert!(matches!(read_head(&mut bytes.as_slice()), Err(Error::Frame(_))), "{rest} {header}");
        }
    }
}
