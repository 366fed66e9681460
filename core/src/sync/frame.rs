//! Frames: a version byte, a capped length, a payload. Bytes in, whole payloads out.

use super::SessionError;

/// The frame format's version, the first byte of every frame.
pub const FRAME_VERSION: u8 = 1;

/// One frame around `payload`: version byte, length as unsigned LEB128, payload.
pub fn frame(payload: &[u8]) -> Vec<u8> {
    frame_of(&[payload])
}

/// One frame around a payload that lies in pieces.
pub(super) fn frame_of(pieces: &[&[u8]]) -> Vec<u8> {
    let mut len = pieces.iter().map(|piece| piece.len()).sum::<usize>();
    let mut out = Vec::with_capacity(len + 6);
    out.push(FRAME_VERSION);
    while len >= 0x80 {
        out.push((len & 0x7f) as u8 | 0x80);
        len >>= 7;
    }
    out.push(len as u8);
    pieces.iter().for_each(|piece| out.extend_from_slice(piece));
    out
}

/// Puts frames together from bytes that come in any pieces. Holds at most one unfinished frame.
#[derive(Debug)]
pub struct FrameReader {
    buffer: Vec<u8>,
    /// Bytes of the buffer that were given out; they go when more comes, not frame by frame.
    given: usize,
    cap: usize,
}

impl FrameReader {
    /// A reader that refuses payloads longer than `cap` before anything is kept of them.
    pub fn new(cap: usize) -> Self {
        Self { buffer: Vec::new(), given: 0, cap }
    }

    /// From now on payloads may be this long.
    pub fn set_cap(&mut self, cap: usize) {
        self.cap = cap;
    }

    /// Bytes held of an unfinished frame.
    pub fn held(&self) -> usize {
        self.buffer.len() - self.given
    }

    /// Takes bytes; [`FrameReader::payload`] then gives the payloads that they completed.
    pub fn push(&mut self, bytes: &[u8]) {
        self.buffer.drain(..std::mem::take(&mut self.given));
        self.buffer.extend_from_slice(bytes);
    }

    /// The next whole payload.
    pub fn payload(&mut self) -> Result<Option<Vec<u8>>, SessionError> {
        let waiting = &self.buffer[self.given..];
        let Some((&version, rest)) = waiting.split_first() else { return Ok(None) };
        if version != FRAME_VERSION {
            return Err(if version > FRAME_VERSION { SessionError::TooNew } else { SessionError::Malformed("frame") });
        }
        let mut len = 0usize;
        for (index, byte) in rest.iter().enumerate() {
            if index == 4 {
                return Err(SessionError::Malformed("frame length"));
            }
            len |= usize::from(byte & 0x7f) << (7 * index);
            if byte & 0x80 == 0 {
                if len > self.cap {
                    return Err(SessionError::FrameTooLong { len, cap: self.cap });
                }
                let start = index + 2;
                let payload = waiting.get(start..start + len).map(<[u8]>::to_vec);
                if payload.is_some() {
                    self.given += start + len;
                }
                return Ok(payload);
            }
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_come_whole_from_any_pieces() {
        let payloads = [vec![], vec![1; 3], vec![2; 127], vec![3; 128], vec![4; 40_000]];
        let wire: Vec<u8> = payloads.iter().flat_map(|payload| frame(payload)).collect();
        for piece in [1, 2, 7, 1000, wire.len()] {
            let mut reader = FrameReader::new(1 << 20);
            let mut out = Vec::new();
            for bytes in wire.chunks(piece) {
                reader.push(bytes);
                while let Some(payload) = reader.payload().unwrap() {
                    out.push(payload);
                }
            }
            assert_eq!(out, payloads);
            assert_eq!(reader.held(), 0);
        }
    }

    #[test]
    fn too_long_and_too_new_are_refused_by_the_header_alone() {
        let mut reader = FrameReader::new(100);
        reader.push(&frame(&[0; 101])[..3]);
        assert!(matches!(reader.payload(), Err(SessionError::FrameTooLong { len: 101, cap: 100 })));
        let mut reader = FrameReader::new(100);
        reader.push(&[FRAME_VERSION + 1]);
        assert!(matches!(reader.payload(), Err(SessionError::TooNew)));
        let mut reader = FrameReader::new(100);
        reader.push(&[FRAME_VERSION, 0xff, 0xff, 0xff, 0xff, 0xff]);
        assert!(matches!(reader.payload(), Err(SessionError::Malformed(_))));
    }
}
