//! Reads of a library what a phone's loader and the size report look at: which parts of it are loaded, and how large its
//! sections are. ELF of 32 or 64 bits, little-endian, as every Android processor and this computer's Linux have it.

use crate::workspace::Result;

/// The pages of new Android devices. A library whose parts lie closer together is not loaded there.
pub(crate) const PAGE: u64 = 16384;

/// `p_type` of a part that is loaded into memory.
const LOAD: u32 = 1;

/// What the two widths of ELF have at different places.
struct Layout {
    word: usize,
    /// In the header: where the tables are, then how long their entries are and how many there are.
    tables: [usize; 2],
    counts: usize,
    /// In a program header: `p_offset`, `p_vaddr`, `p_align`.
    segment: [usize; 3],
    /// In a section header: `sh_offset`, `sh_size`.
    section: [usize; 2],
}

const NARROW: Layout =
    Layout { word: 4, tables: [0x1c, 0x20], counts: 0x2a, segment: [0x04, 0x08, 0x1c], section: [0x10, 0x14] };
const WIDE: Layout =
    Layout { word: 8, tables: [0x20, 0x28], counts: 0x36, segment: [0x08, 0x10, 0x30], section: [0x18, 0x20] };

/// A part of the file that is loaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Segment {
    /// Where it is in the file.
    pub(crate) offset: u64,
    /// Where it is loaded, counted from the library's beginning.
    pub(crate) address: u64,
    /// What both must agree to.
    pub(crate) align: u64,
}

/// A library or program, as far as it was read.
#[derive(Debug)]
pub(crate) struct Elf {
    /// Whether its processor has 64 bits.
    pub(crate) is_wide: bool,
    /// The parts that are loaded, in the file's order.
    pub(crate) segments: Vec<Segment>,
    /// The sections by name, with the bytes each takes.
    pub(crate) sections: Vec<(String, u64)>,
}

/// Whether these bytes say that they are ELF.
pub(crate) fn is_elf(bytes: &[u8]) -> bool {
    bytes.starts_with(b"\x7fELF")
}

impl Elf {
    /// Reads the tables. Whatever they point at outside of the file is an error.
    pub(crate) fn read(bytes: &[u8]) -> Result<Self> {
        if !is_elf(bytes) {
            return Err("it is no ELF file".to_owned());
        }
        let layout = match (bytes.get(4), bytes.get(5)) {
            (Some(1), Some(1)) => NARROW,
            (Some(2), Some(1)) => WIDE,
            _ => return Err("it is neither of 32 nor of 64 bits, or not little-endian".to_owned()),
        };
        let file = File { bytes, layout };
        Ok(Self { is_wide: file.layout.word == 8, segments: file.segments()?, sections: file.sections()? })
    }

    /// Why a device with pages of 16 KB would not load it: one sentence for each part that lies wrong.
    pub(crate) fn misplaced(&self) -> Vec<String> {
        if self.segments.is_empty() {
            return vec!["nothing in it is loaded".to_owned()];
        }
        let wrong = self.segments.iter().filter_map(|part| {
            let Segment { offset, address, align } = *part;
            if align < PAGE || !align.is_power_of_two() {
                Some(format!("the part at {offset:#x} is aligned to {align}, not to {PAGE} or a larger power of two"))
            } else if address % align != offset % align {
                Some(format!("the part at {offset:#x} is loaded to {address:#x}, which is elsewhere within a page"))
            } else {
                None
            }
        });
        wrong.collect()
    }

    /// How many bytes a section takes; none where there is no such section.
    pub(crate) fn section(&self, name: &str) -> Option<u64> {
        self.sections.iter().find(|(found, _)| found == name).map(|(_, size)| *size)
    }
}

/// The bytes of a file, read by its layout.
struct File<'a> {
    bytes: &'a [u8],
    layout: Layout,
}

impl<'a> File<'a> {
    fn segments(&self) -> Result<Vec<Segment>> {
        let [offset, address, align] = self.layout.segment;
        let mut found = Vec::new();
        for entry in self.table(0)? {
            if self.number(entry, 4)? == u64::from(LOAD) {
                found.push(Segment {
                    offset: self.word(entry + offset)?,
                    address: self.word(entry + address)?,
                    align: self.word(entry + align)?,
                });
            }
        }
        Ok(found)
    }

    fn sections(&self) -> Result<Vec<(String, u64)>> {
        let entries = self.table(1)?;
        let names = self.number(self.layout.counts + 8, 2)?;
        let Some(names) = entries.get(usize::try_from(names).unwrap_or(usize::MAX)) else { return Ok(Vec::new()) };
        let names = self.place(names + self.layout.section[0])?;
        let one = |entry: &usize| {
            let name =
                self.text(names + usize::try_from(self.number(*entry, 4)?).map_err(|error| error.to_string())?)?;
            Ok((name, self.word(entry + self.layout.section[1])?))
        };
        entries.iter().map(one).collect()
    }

    /// Where the entries of a table begin: 0 the program headers, 1 the section headers.
    fn table(&self, which: usize) -> Result<Vec<usize>> {
        let start = self.place(self.layout.tables[which])?;
        let counts = self.layout.counts + 4 * which;
        let (length, count) = (self.number(counts, 2)?, self.number(counts + 2, 2)?);
        let (length, count) = (length as usize, count as usize);
        let entries: Vec<usize> = (0..count).map(|index| start.saturating_add(index * length)).collect();
        match entries.last() {
            Some(last) if last.saturating_add(length) > self.bytes.len() => Err(short()),
            _ => Ok(entries),
        }
    }

    fn place(&self, at: usize) -> Result<usize> {
        let place = usize::try_from(self.word(at)?).unwrap_or(usize::MAX);
        if place <= self.bytes.len() { Ok(place) } else { Err(short()) }
    }

    fn word(&self, at: usize) -> Result<u64> {
        self.number(at, self.layout.word)
    }

    fn number(&self, at: usize, width: usize) -> Result<u64> {
        let bytes = self.bytes.get(at..at.saturating_add(width)).ok_or_else(short)?;
        Ok(bytes.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte)))
    }

    fn text(&self, at: usize) -> Result<String> {
        let rest = self.bytes.get(at..).ok_or_else(short)?;
        let text = rest.split(|byte| *byte == 0).next().unwrap_or_default();
        Ok(String::from_utf8_lossy(text).into_owned())
    }
}

fn short() -> String {
    "it ends before what its tables point at".to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A library with these parts, as a linker would write it, and the sections `.text` of 40 bytes and the names' own.
    fn written(wide: bool, parts: &[Segment]) -> Vec<u8> {
        let (layout, header, program, section) = if wide { (WIDE, 64, 56, 64) } else { (NARROW, 52, 32, 40) };
        let names = b"\0.text\0.shstrtab\0";
        let sections = header + program * parts.len();
        let end = sections + section * 3;
        let mut bytes = vec![0; end];
        let mut put = |at: usize, width: usize, value: u64| {
            bytes[at..at + width].copy_from_slice(&value.to_le_bytes()[..width]);
        };
        put(0, 4, u64::from(u32::from_le_bytes(*b"\x7fELF")));
        put(4, 2, if wide { 0x0102 } else { 0x0101 });
        put(layout.tables[0], layout.word, header as u64);
        put(layout.tables[1], layout.word, sections as u64);
        for (index, count) in [program, parts.len(), section, 3, 2].into_iter().enumerate() {
            put(layout.counts + 2 * index, 2, count as u64);
        }
        for (index, part) in parts.iter().enumerate() {
            let entry = header + program * index;
            put(entry, 4, u64::from(LOAD));
            for (at, value) in layout.segment.into_iter().zip([part.offset, part.address, part.align]) {
                put(entry + at, layout.word, value);
            }
        }
        for (index, (name, place, size)) in [(1, 0, 40), (7, end, names.len())].into_iter().enumerate() {
            let entry = sections + section * (index + 1);
            put(entry, 4, name);
            put(entry + layout.section[0], layout.word, place as u64);
            put(entry + layout.section[1], layout.word, size as u64);
        }
        bytes.extend_from_slice(names);
        bytes
    }

    fn part(offset: u64, address: u64, align: u64) -> Segment {
        Segment { offset, address, align }
    }

    #[test]
    fn both_widths_are_read() {
        let parts = [part(0, 0, 0x4000), part(0x1_2340, 0x1_6340, 0x4000)];
        for wide in [false, true] {
            let read = Elf::read(&written(wide, &parts)).unwrap();
            assert_eq!((read.is_wide, read.segments.as_slice()), (wide, parts.as_slice()));
            assert_eq!((read.section(".text"), read.section(".data")), (Some(40), None));
            assert!(read.misplaced().is_empty(), "{:?}", read.misplaced());
        }
    }

    #[test]
    fn parts_that_no_large_page_holds_are_named() {
        for (bad, why) in [
            (part(0x1000, 0x1000, 0x1000), "aligned to 4096"),
            (part(0x4000, 0x4000, 0x6000), "aligned to 24576"),
            (part(0x4000, 0x4000, 0), "aligned to 0"),
            (part(0x5000, 0x6000, 0x4000), "elsewhere within a page"),
        ] {
            let found = Elf::read(&written(true, &[part(0, 0, 0x10000), bad])).unwrap().misplaced();
            assert!(found.len() == 1 && found[0].contains(why), "{bad:?}: {found:?}");
        }
        assert_eq!(Elf::read(&written(true, &[])).unwrap().misplaced().len(), 1, "what loads nothing is no library");
    }

    #[test]
    fn no_bytes_panic() {
        let whole = written(true, &[part(0, 0, 0x4000)]);
        for length in 0..whole.len() {
            let _ = Elf::read(&whole[..length]);
        }
        for at in 0..whole.len() {
            let mut bytes = whole.clone();
            bytes[at] = 0xff;
            let _ = Elf::read(&bytes);
        }
        assert!(Elf::read(b"MZ").is_err() && Elf::read(b"\x7fELF\x02\x02").is_err());
        assert!(Elf::read(&whole[..whole.len() - 200]).is_err());
    }
}
