//! The columns of a change chunk, row by row, taken only in the one form in which Automerge writes them.
//!
//! Automerge takes other forms too (a run of one, a number in more bytes than it needs), writes them back in its own,
//! finds another hash and refuses the change. So whoever reads such a change at all reads something that no document
//! says. Layout: <https://automerge.org/automerge-binary-format-spec/>, sections 3 (numbers) and 7 (columns).

/// Not a column as Automerge writes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Unusual;

pub(super) type Read<T> = Result<T, Unusual>;

/// Bytes that are read from the front.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Bytes<'a>(pub(super) &'a [u8]);

impl<'a> Bytes<'a> {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn take(&mut self, len: usize) -> Read<&'a [u8]> {
        let (head, tail) = self.0.split_at_checked(len).ok_or(Unusual)?;
        self.0 = tail;
        Ok(head)
    }

    /// Unsigned LEB128 in its shortest form.
    pub(super) fn unsigned(&mut self) -> Read<u64> {
        let (mut value, mut shift) = (0u64, 0u32);
        loop {
            let (&byte, rest) = self.0.split_first().ok_or(Unusual)?;
            self.0 = rest;
            let part = u64::from(byte & 0x7f);
            if shift > 63 || (part << shift) >> shift != part {
                return Err(Unusual);
            }
            value |= part << shift;
            if byte & 0x80 == 0 {
                return if byte == 0 && shift > 0 { Err(Unusual) } else { Ok(value) };
            }
            shift += 7;
        }
    }

    /// Signed LEB128 in its shortest form.
    pub(super) fn signed(&mut self) -> Read<i64> {
        let (mut value, mut shift, mut before) = (0i64, 0u32, 0u8);
        loop {
            let (&byte, rest) = self.0.split_first().ok_or(Unusual)?;
            self.0 = rest;
            if shift > 63 || (shift == 63 && byte != 0 && byte != 0x7f) {
                return Err(Unusual);
            }
            value |= i64::from(byte & 0x7f) << shift;
            shift += 7;
            if byte & 0x80 == 0 {
                let negative = byte & 0x40 != 0;
                // A last byte that only repeats the sign of the one before says nothing.
                let spare = shift > 7 && ((byte == 0 && before & 0x40 == 0) || (byte == 0x7f && before & 0x40 != 0));
                if spare {
                    return Err(Unusual);
                }
                return Ok(if negative && shift < 64 { value | (-1i64 << shift) } else { value });
            }
            before = byte;
        }
    }

    pub(super) fn length(&mut self) -> Read<usize> {
        let len = usize::try_from(self.unsigned()?).map_err(|_| Unusual)?;
        if len > self.0.len() { Err(Unusual) } else { Ok(len) }
    }

    pub(super) fn prefixed(&mut self) -> Read<&'a [u8]> {
        let len = self.length()?;
        self.take(len)
    }
}

/// A value of a run-length encoded column.
pub(super) trait Cell<'a>: Copy + PartialEq {
    fn read(bytes: &mut Bytes<'a>) -> Read<Self>;
}

impl Cell<'_> for u64 {
    fn read(bytes: &mut Bytes<'_>) -> Read<Self> {
        bytes.unsigned()
    }
}

impl Cell<'_> for i64 {
    fn read(bytes: &mut Bytes<'_>) -> Read<Self> {
        bytes.signed()
    }
}

impl<'a> Cell<'a> for &'a str {
    fn read(bytes: &mut Bytes<'a>) -> Read<Self> {
        std::str::from_utf8(bytes.prefixed()?).map_err(|_| Unusual)
    }
}

#[derive(Debug, Clone, Copy)]
enum Run<V> {
    Null,
    Same(V),
    /// The values follow one by one; the last one read.
    Literal(Option<V>),
}

/// A run-length encoded column. A column that is not there is null in every row.
#[derive(Debug)]
pub(super) struct Runs<'a, V> {
    bytes: Bytes<'a>,
    /// Rows left of the run at hand.
    left: u64,
    run: Run<V>,
    begun: bool,
    /// The column is not there.
    absent: bool,
    /// Whether any row holds a value: a column of nothing but nulls is not written.
    valued: bool,
}

impl<'a, V: Cell<'a>> Runs<'a, V> {
    pub(super) fn new(column: Option<&'a [u8]>) -> Self {
        let absent = column.is_none();
        Self {
            bytes: Bytes(column.unwrap_or_default()),
            left: if absent { u64::MAX } else { 0 },
            run: Run::Null,
            begun: false,
            absent,
            valued: false,
        }
    }

    fn advance(&mut self) -> Read<()> {
        let before = if self.begun { Some(self.run) } else { None };
        self.begun = true;
        match self.bytes.signed()? {
            0 => {
                self.left = self.bytes.unsigned()?;
                self.run = Run::Null;
                if matches!(before, Some(Run::Null)) {
                    return Err(Unusual);
                }
            }
            count if count > 0 => {
                let value = V::read(&mut self.bytes)?;
                self.left = count as u64;
                self.run = Run::Same(value);
                self.valued = true;
                let joins = match before {
                    Some(Run::Same(last) | Run::Literal(Some(last))) => last == value,
                    _ => false,
                };
                if joins || count == 1 {
                    return Err(Unusual);
                }
            }
            count => {
                self.left = count.unsigned_abs();
                self.valued = true;
                self.run = match before {
                    Some(Run::Literal(_)) => return Err(Unusual),
                    Some(Run::Same(last)) => Run::Literal(Some(last)),
                    _ => Run::Literal(None),
                };
            }
        }
        if self.left == 0 { Err(Unusual) } else { Ok(()) }
    }

    #[inline]
    pub(super) fn next(&mut self) -> Read<Option<V>> {
        if self.left == 0 {
            self.advance()?;
        }
        self.left -= 1;
        match &mut self.run {
            Run::Null => Ok(None),
            Run::Same(value) => Ok(Some(*value)),
            Run::Literal(last) => {
                let value = V::read(&mut self.bytes)?;
                if last.replace(value) == Some(value) { Err(Unusual) } else { Ok(Some(value)) }
            }
        }
    }

    /// Whether every row was read, and the column was worth writing.
    pub(super) fn end(&self) -> Read<()> {
        if self.absent || (self.is_done() && self.valued) { Ok(()) } else { Err(Unusual) }
    }

    /// Whether every row was read.
    pub(super) fn is_done(&self) -> bool {
        self.left == 0 && self.bytes.is_empty()
    }
}

/// A run-length encoded column of differences.
#[derive(Debug)]
pub(super) struct Deltas<'a> {
    runs: Runs<'a, i64>,
    sum: i64,
}

impl<'a> Deltas<'a> {
    pub(super) fn new(column: Option<&'a [u8]>) -> Self {
        Self { runs: Runs::new(column), sum: 0 }
    }

    #[inline]
    pub(super) fn next(&mut self) -> Read<Option<u64>> {
        let Some(delta) = self.runs.next()? else { return Ok(None) };
        self.sum = self.sum.checked_add(delta).ok_or(Unusual)?;
        u64::try_from(self.sum).map(Some).map_err(|_| Unusual)
    }

    pub(super) fn end(&self) -> Read<()> {
        self.runs.end()
    }
}

/// A column of booleans: how many false, how many true, and so on.
#[derive(Debug)]
pub(super) struct Booleans<'a> {
    bytes: Bytes<'a>,
    left: u64,
    value: bool,
    begun: bool,
}

impl<'a> Booleans<'a> {
    pub(super) fn new(column: &'a [u8]) -> Self {
        Self { bytes: Bytes(column), left: 0, value: true, begun: false }
    }

    #[inline]
    pub(super) fn next(&mut self) -> Read<bool> {
        while self.left == 0 {
            self.left = self.bytes.unsigned()?;
            self.value = !self.value;
            // Only the first count, that of false, may be nothing.
            if self.left == 0 && (self.begun || self.bytes.is_empty()) {
                return Err(Unusual);
            }
            self.begun = true;
        }
        self.left -= 1;
        Ok(self.value)
    }

    pub(super) fn end(&self) -> Read<()> {
        if self.bytes.is_empty() && self.left == 0 { Ok(()) } else { Err(Unusual) }
    }
}
