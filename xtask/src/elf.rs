//! What a library for Android must be, read off its ELF headers: the alignment of what is loaded, the sizes of its parts,
//! and the names that it exports.
//!
//! The layout is that of the System V ABI's object file chapter; 32 and 64 bit, little-endian, as every Android is.

use std::ops::Range;

use crate::workspace::Result;

/// A page on devices of 16 KiB pages, which Google Play asks for since November 2025.
pub(crate) const PAGE: u64 = 16 << 10;

const LOAD: u64 = 1;
const DYNSYM: u64 = 11;
const NOBITS: u64 = 8;

/// A part of the file that is loaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Segment {
    pub(crate) offset: u64,
    pub(crate) address: u64,
    pub(crate) align: u64,
}

/// A section of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Section {
    pub(crate) name: String,
    pub(crate) size: u64,
    kind: u64,
    offset: u64,
    link: u64,
}

/// A library's headers.
#[derive(Debug)]
pub(crate) struct Elf<'a> {
    bytes: &'a [u8],
    is_64: bool,
    pub(crate) loads: Vec<Segment>,
    pub(crate) sections: Vec<Section>,
}

/// Where the fields of a header stand, for 32 and 64 bits: (start, length).
type Field = [(usize, usize); 2];

impl<'a> Elf<'a> {
    /// Reads the headers of a shared library.
    pub(crate) fn read(bytes: &'a [u8]) -> Result<Self> {
        let kind = (bytes.get(..4), bytes.get(4), bytes.get(5));
        let is_64 = match kind {
            (Some(b"\x7fELF"), Some(1), Some(1)) => false,
            (Some(b"\x7fELF"), Some(2), Some(1)) => true,
            _ => return Err("this is no little-endian ELF file".to_owned()),
        };
        let mut elf = Self { bytes, is_64, loads: Vec::new(), sections: Vec::new() };
        let head = |field: Field| elf.field(0, field);
        let programs =
            Table { at: head([(28, 4), (32, 8)])?, each: head([(42, 2), (54, 2)])?, count: head([(44, 2), (56, 2)])? };
        let sections =
            Table { at: head([(32, 4), (40, 8)])?, each: head([(46, 2), (58, 2)])?, count: head([(48, 2), (60, 2)])? };
        let names = head([(50, 2), (62, 2)])?;
        for at in programs.entries() {
            if elf.field(at, [(0, 4), (0, 4)])? == LOAD {
                elf.loads.push(Segment {
                    offset: elf.field(at, [(4, 4), (8, 8)])?,
                    address: elf.field(at, [(8, 4), (16, 8)])?,
                    align: elf.field(at, [(28, 4), (48, 8)])?,
                });
            }
        }
        let mut named = Vec::new();
        for at in sections.entries() {
            named.push((
                elf.field(at, [(0, 4), (0, 4)])?,
                Section {
                    name: String::new(),
                    kind: elf.field(at, [(4, 4), (4, 4)])?,
                    offset: elf.field(at, [(16, 4), (24, 8)])?,
                    size: elf.field(at, [(20, 4), (32, 8)])?,
                    link: elf.field(at, [(24, 4), (40, 4)])?,
                },
            ));
        }
        let texts = named.get(names as usize).map(|(_, section)| section.offset);
        for (name, mut section) in named {
            section.name = texts.map(|texts| elf.text(texts.saturating_add(name))).unwrap_or_default();
            elf.sections.push(section);
        }
        Ok(elf)
    }

    fn field(&self, at: u64, field: Field) -> Result<u64> {
        let (start, length) = field[usize::from(self.is_64)];
        let start = usize::try_from(at).ok().and_then(|at| at.checked_add(start));
        let found = start.and_then(|start| self.bytes.get(start..start.checked_add(length)?));
        let found = found.ok_or("the ELF file is cut short")?;
        Ok(found.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte)))
    }

    /// The text that begins at `at` and ends with a zero.
    fn text(&self, at: u64) -> String {
        let rest = usize::try_from(at).ok().and_then(|at| self.bytes.get(at..)).unwrap_or_default();
        String::from_utf8_lossy(rest.split(|byte| *byte == 0).next().unwrap_or_default()).into_owned()
    }

    /// What keeps it from being loaded where a page has 16 KiB; nothing, if it can be.
    pub(crate) fn misaligned(&self) -> Vec<String> {
        let bad = |load: &&Segment| {
            load.align < PAGE
                || !load.align.is_multiple_of(PAGE)
                || load.address % load.align != load.offset % load.align
        };
        let told = |load: &Segment| format!("what is loaded to {:#x} is aligned to {:#x}", load.address, load.align);
        let mut found: Vec<String> = self.loads.iter().filter(bad).map(told).collect();
        if self.loads.is_empty() {
            found.push("nothing of it is loaded".to_owned());
        }
        found
    }

    /// The bytes of the sections whose names are these, in memory.
    pub(crate) fn size_of(&self, names: &[&str]) -> u64 {
        self.sections.iter().filter(|section| names.contains(&section.name.as_str())).map(|section| section.size).sum()
    }

    /// The names of the symbols that other programs see.
    pub(crate) fn exports(&self) -> Result<Vec<String>> {
        let mut found = Vec::new();
        for symbols in self.sections.iter().filter(|section| section.kind == DYNSYM) {
            let Some(texts) = self.sections.get(symbols.link as usize) else { continue };
            let each = if self.is_64 { 24 } else { 16 };
            for number in 0..symbols.size / each {
                let at = symbols.offset.saturating_add(number * each);
                // One of no section is another library's.
                if self.field(at, [(14, 2), (6, 2)])? != 0 {
                    found.push(self.text(texts.offset.saturating_add(self.field(at, [(0, 4), (0, 4)])?)));
                }
            }
        }
        Ok(found)
    }

    /// The bytes that the file would have without what is only there for debuggers: its sections that are loaded.
    pub(crate) fn loaded_size(&self) -> u64 {
        let kept = |section: &&Section| {
            section.kind != NOBITS && !section.name.starts_with(".debug") && !is_symbols(&section.name)
        };
        self.sections.iter().filter(kept).map(|section| section.size).sum()
    }
}

fn is_symbols(name: &str) -> bool {
    [".symtab", ".strtab"].contains(&name)
}

/// A table of headers.
struct Table {
    at: u64,
    each: u64,
    count: u64,
}

impl Table {
    fn entries(&self) -> impl Iterator<Item = u64> {
        let (at, each) = (self.at, self.each);
        let all: Range<u64> = 0..self.count;
        all.map(move |number| at.saturating_add(number.saturating_mul(each)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A 64-bit file of one segment that is loaded, and no section.
    fn library(align: u64, address: u64) -> Vec<u8> {
        let mut bytes = vec![0; 64 + 56];
        bytes[..6].copy_from_slice(b"\x7fELF\x02\x01");
        bytes[32..40].copy_from_slice(&64_u64.to_le_bytes());
        bytes[54..56].copy_from_slice(&56_u16.to_le_bytes());
        bytes[56..58].copy_from_slice(&1_u16.to_le_bytes());
        bytes[64..68].copy_from_slice(&1_u32.to_le_bytes());
        bytes[64 + 8..64 + 16].copy_from_slice(&0x1000_u64.to_le_bytes());
        bytes[64 + 16..64 + 24].copy_from_slice(&address.to_le_bytes());
        bytes[64 + 48..64 + 56].copy_from_slice(&align.to_le_bytes());
        bytes
    }

    #[test]
    fn pages_of_16_kib_are_told_from_smaller_ones_and_from_wrong_places() {
        let misaligned = |align, address| Elf::read(&library(align, address)).unwrap().misaligned();
        assert_eq!(misaligned(0x4000, 0x5000), Vec::<String>::new());
        assert_eq!(misaligned(0x10000, 0x11000), Vec::<String>::new());
        assert_eq!(misaligned(0x1000, 0x1000), ["what is loaded to 0x1000 is aligned to 0x1000"]);
        assert_eq!(misaligned(0x4000, 0x6000).len(), 1, "its place in memory is not its place in the file");
        let mut none = library(0x4000, 0x5000);
        none[64] = 2;
        assert_eq!(Elf::read(&none).unwrap().misaligned(), ["nothing of it is loaded"]);
    }

    #[test]
    fn what_is_cut_short_or_no_library_is_an_error() {
        let whole = library(0x4000, 0x5000);
        for length in 0..whole.len() {
            assert!(Elf::read(&whole[..length]).is_err(), "{length}");
        }
        assert!(Elf::read(b"MZ and what follows, which is long enough for a header of another kind of file").is_err());
    }

    /// What a linker makes with the flag that the AAR is linked with, and without.
    #[cfg(all(target_os = "linux", target_arch = "x86_64"))]
    #[test]
    fn the_flag_for_16_kib_pages_is_what_the_check_asks_for() {
        let folder = std::env::temp_dir().join(format!("afterword-elf-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let source = folder.join("one.c");
        std::fs::write(&source, "int one(void) { return 1; }").unwrap();
        let linked = |name: &str, flags: &[&str]| {
            let library = folder.join(name);
            let mut cc = std::process::Command::new("cc");
            cc.args(["-shared", "-fPIC", "-o"]).arg(&library).arg(&source).args(flags);
            assert!(cc.status().unwrap().success());
            let bytes = std::fs::read(library).unwrap();
            let elf = Elf::read(&bytes).unwrap();
            assert!(elf.exports().unwrap().contains(&"one".to_owned()));
            elf.misaligned().len()
        };
        assert_eq!(linked("with.so", &["-Wl,-z,max-page-size=16384"]), 0);
        assert!(linked("without.so", &["-Wl,-z,max-page-size=4096"]) > 0);
        std::fs::remove_dir_all(folder).unwrap();
    }

    /// This test's own program is an ELF file, whose parts a compiler made.
    #[cfg(all(target_os = "linux", target_endian = "little"))]
    #[test]
    fn a_real_file_is_read() {
        let bytes = std::fs::read(std::env::current_exe().unwrap()).unwrap();
        let elf = Elf::read(&bytes).unwrap();
        assert!(elf.loads.len() > 1 && elf.size_of(&[".text"]) > 10_000);
        assert!(elf.loaded_size() < bytes.len() as u64);
        assert!(elf.exports().is_ok());
    }
}
