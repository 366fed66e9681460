//! The values of a JSON file, one at a time. Where a value ends is found by its brackets and quotes, without understanding
//! it: so a file of any size is read with one value in memory, as the bytes that it is, and with none while one is skipped.
//!
//! What lies between the brackets is not judged here. Whoever reads the bytes of a value finds out whether it is JSON.

use std::io::{self, BufRead, BufReader, Read};

/// Why a file could not be read on.
#[derive(Debug)]
pub(super) enum Broken {
    /// It is no JSON, or ends too early.
    Syntax,
    /// The system could not read it.
    Io(io::Error),
}

impl From<io::Error> for Broken {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// A place in a file, counted from 1 as editors do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) line: usize,
    pub(super) column: usize,
}

impl Place {
    /// Where something stands that is at `line` and `column` of a value which begins here.
    pub(super) fn plus(self, line: usize, column: usize) -> Self {
        match line {
            0 | 1 => Self { line: self.line, column: self.column + column.saturating_sub(1) },
            _ => Self { line: self.line + line - 1, column },
        }
    }
}

/// A JSON file on its way through.
#[derive(Debug)]
pub(super) struct Slices<R> {
    reader: BufReader<R>,
    place: Place,
}

impl<R: Read> Slices<R> {
    pub(super) fn new(reader: R) -> Self {
        Self { reader: BufReader::with_capacity(1 << 16, reader), place: Place { line: 1, column: 1 } }
    }

    /// Where reading has come to.
    pub(super) fn place(&self) -> Place {
        self.place
    }

    /// The next byte that is no white space, left where it is; none at the end.
    pub(super) fn peek(&mut self) -> Result<Option<u8>, Broken> {
        loop {
            let chunk = self.reader.fill_buf()?;
            if chunk.is_empty() {
                return Ok(None);
            }
            let blank = chunk.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
            let next = chunk.get(blank).copied();
            self.pass(blank);
            if next.is_some() {
                return Ok(next);
            }
        }
    }

    /// Passes over `byte`, which must come next.
    pub(super) fn expect(&mut self, byte: u8) -> Result<(), Broken> {
        match self.peek()? {
            Some(next) if next == byte => {
                self.pass(1);
                Ok(())
            }
            _ => Err(Broken::Syntax),
        }
    }

    /// Whether there is one more in a list or map that ends with `close`; passes over the comma before it, or the end.
    pub(super) fn one_more(&mut self, close: u8, first: bool) -> Result<bool, Broken> {
        match self.peek()? {
            Some(next) if next == close => {
                self.pass(1);
                Ok(false)
            }
            Some(b',') if !first => {
                self.pass(1);
                // Nothing may follow a comma but a value.
                if self.peek()? == Some(close) { Err(Broken::Syntax) } else { Ok(true) }
            }
            Some(_) if first => Ok(true),
            _ => Err(Broken::Syntax),
        }
    }

    /// The bytes of the next value, or none if there are more than `most`: it is passed over then.
    pub(super) fn value(&mut self, most: usize) -> Result<Option<Vec<u8>>, Broken> {
        let mut bytes = Vec::new();
        let mut fits = true;
        self.through(|part| {
            fits = fits && bytes.len() + part.len() <= most;
            if fits {
                bytes.extend_from_slice(part);
            } else {
                bytes = Vec::new();
            }
        })?;
        Ok(fits.then_some(bytes))
    }

    /// Passes over the next value.
    pub(super) fn skip(&mut self) -> Result<(), Broken> {
        self.through(|_| {})
    }

    /// Goes through the next value to its end and hands over its bytes in pieces.
    fn through(&mut self, mut take: impl FnMut(&[u8])) -> Result<(), Broken> {
        let first = self.peek()?.ok_or(Broken::Syntax)?;
        if !matches!(first, b'{' | b'[' | b'"') {
            return self.through_plain(take);
        }
        let (mut depth, mut quoted, mut escaped) = (0_u64, false, false);
        loop {
            let chunk = self.reader.fill_buf()?;
            if chunk.is_empty() {
                return Err(Broken::Syntax);
            }
            let mut end = None;
            for (at, byte) in chunk.iter().enumerate() {
                if quoted {
                    match byte {
                        _ if escaped => escaped = false,
                        b'\\' => escaped = true,
                        b'"' => quoted = false,
                        _ => {}
                    }
                } else {
                    match byte {
                        b'"' => quoted = true,
                        b'{' | b'[' => depth += 1,
                        b'}' | b']' => depth = depth.saturating_sub(1),
                        _ => {}
                    }
                }
                if !quoted && depth == 0 {
                    end = Some(at + 1);
                    break;
                }
            }
            let length = end.unwrap_or(chunk.len());
            take(&chunk[..length]);
            self.pass(length);
            if end.is_some() {
                return Ok(());
            }
        }
    }

    /// A number or one of the three words: as far as the next mark or space.
    fn through_plain(&mut self, mut take: impl FnMut(&[u8])) -> Result<(), Broken> {
        let mut none = true;
        loop {
            let chunk = self.reader.fill_buf()?;
            let ends = |byte: &u8| matches!(byte, b',' | b']' | b'}' | b':' | b'"') || byte.is_ascii_whitespace();
            let length = chunk.iter().position(ends).unwrap_or(chunk.len());
            none &= length == 0;
            let last = length < chunk.len() || chunk.is_empty();
            take(&chunk[..length]);
            self.pass(length);
            if last {
                return if none { Err(Broken::Syntax) } else { Ok(()) };
            }
        }
    }

    /// Passes over so many bytes of what is buffered.
    fn pass(&mut self, length: usize) {
        let passed = &self.reader.buffer()[..length];
        match passed.iter().rposition(|byte| *byte == b'\n') {
            None => self.place.column += length,
            Some(at) => {
                self.place.line += passed.iter().filter(|byte| **byte == b'\n').count();
                self.place.column = length - at;
            }
        }
        self.reader.consume(length);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A reader that gives three bytes at a time, so that every value lies across several.
    struct Drip<'a>(&'a [u8]);

    impl Read for Drip<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let length = self.0.len().min(3).min(buffer.len());
            buffer[..length].copy_from_slice(&self.0[..length]);
            self.0 = &self.0[length..];
            Ok(length)
        }
    }

    fn list(text: &str, most: usize) -> Result<Vec<Option<String>>, Broken> {
        let mut slices = Slices::new(Drip(text.as_bytes()));
        slices.expect(b'[')?;
        let mut found = Vec::new();
        while slices.one_more(b']', found.is_empty())? {
            found.push(slices.value(most)?.map(|bytes| String::from_utf8(bytes).unwrap()));
        }
        match slices.peek()? {
            None => Ok(found),
            Some(_) => Err(Broken::Syntax),
        }
    }

    #[test]
    fn every_kind_of_value_is_cut_out_whole() {
        let values =
            [r#""a]\"}""#, "-1.5e3", "true", "null", r#"{"a":[1,{"b":"]"}],"c":"\\"}"#, "[]", "{}", r#""\\\"""#];
        for space in ["", " ", "\n\t "] {
            let text = format!("{space}[{space}{}{space}]{space}", values.join(&format!("{space},{space}")));
            let found: Vec<_> = list(&text, 100).unwrap().into_iter().flatten().collect();
            assert_eq!(found, values, "{text}");
        }
        assert_eq!(list("[]", 1).unwrap(), []);
    }

    #[test]
    fn what_is_too_long_is_passed_over_and_the_next_comes() {
        let found = list(r#"["long enough",1,[2,[3]],4]"#, 5).unwrap();
        assert_eq!(found, [None, Some("1".into()), None, Some("4".into())]);
    }

    #[test]
    fn what_is_cut_short_or_has_marks_in_the_wrong_place_is_no_json() {
        for text in
            ["", "[", "[1", "[1,", "[1,]", "[,1]", "[1 2]", "[\"a", "[{\"a\":[}", "[\"\\\"]", "[1]]", "{", "[1}"]
        {
            assert!(matches!(list(text, 100), Err(Broken::Syntax)), "{text}");
        }
    }

    #[test]
    fn places_are_those_of_an_editor() {
        let mut slices = Slices::new("[1,\n  [2,\n3], 4]".as_bytes());
        slices.expect(b'[').unwrap();
        assert_eq!(slices.place(), Place { line: 1, column: 2 });
        slices.skip().unwrap();
        assert!(slices.one_more(b']', false).unwrap());
        assert_eq!((slices.peek().unwrap(), slices.place()), (Some(b'['), Place { line: 2, column: 3 }));
        let begun = slices.place();
        assert_eq!(begun.plus(1, 2), Place { line: 2, column: 4 });
        assert_eq!(begun.plus(2, 1), Place { line: 3, column: 1 });
        slices.skip().unwrap();
        assert_eq!(slices.place(), Place { line: 3, column: 3 });
    }
}
