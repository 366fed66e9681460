//! Blobs at rest: sealed, named by what they hold, resumed, and never believed.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use super::*;

#[derive(Debug)]
struct Seeded(ChaCha8Rng);

impl Entropy for Seeded {
    fn fill(&mut self, bytes: &mut [u8]) {
        self.0.fill_bytes(bytes);
    }
}

fn entropy() -> Seeded {
    Seeded(ChaCha8Rng::seed_from_u64(1))
}

const KEY: HashKey = HashKey::from_bytes([3; 32]);

fn made() -> (tempfile::TempDir, BlobStore) {
    let folder = tempfile::tempdir().unwrap();
    let store = BlobStore::new(&folder.path().join("blobs"), ChunkKey::from_bytes([8; 32])).unwrap();
    (folder, store)
}

fn picture(length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    ChaCha8Rng::seed_from_u64(length as u64).fill_bytes(&mut bytes);
    bytes
}

fn exported(store: &BlobStore, blob: &BlobId, length: u64) -> StoreResult<Vec<u8>> {
    let mut out = Vec::new();
    store.export(blob, length, &mut out).map(|()| out)
}

fn names(store: &BlobStore) -> Vec<String> {
    let mut names: Vec<String> =
        fs::read_dir(&store.folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

const LENGTHS: [usize; 7] = [0, 1, 65_535, 65_536, 65_537, 131_072, 300_000];

#[test]
fn what_goes_in_comes_out_and_is_sealed_in_between() {
    let (_folder, store) = made();
    for length in LENGTHS {
        let bytes = picture(length);
        let (blob, stored) = store.import(&mut bytes.as_slice(), &KEY, &mut entropy()).unwrap();
        assert_eq!(stored, length as u64);
        assert_eq!(blob.as_bytes(), &Hasher::keyed(&KEY).update(&bytes).finish());
        assert_eq!(exported(&store, &blob, stored).unwrap(), bytes);
        assert!(store.has(&blob) && store.verify(&blob, &KEY, stored).unwrap());
        assert!(!store.verify(&blob, &HashKey::from_bytes([4; 32]), stored).unwrap());
        let file = fs::read(store.path(&blob)).unwrap();
        assert_eq!(file.len() as u64, stored + chunks(stored) * OVERHEAD);
        assert!(length < 32 || !file.windows(32).any(|window| window == &bytes[..32]));
        // Again: the same name, the same bytes, nothing left over.
        assert_eq!(store.import(&mut bytes.as_slice(), &KEY, &mut entropy()).unwrap(), (blob, stored));
    }
    assert_eq!(names(&store).len(), LENGTHS.len());
    assert!(names(&store).iter().all(|name| name.len() == 64));
}

#[test]
fn a_blob_arrives_in_any_order_and_is_named_when_whole() {
    let (_folder, store) = made();
    for length in LENGTHS {
        let bytes = picture(length);
        let blob = BlobId::from_bytes(Hasher::keyed(&KEY).update(&bytes).finish());
        let length = length as u64;
        let all: Vec<&[u8]> = bytes.chunks(CHUNK as usize).collect();
        assert_eq!(all.len() as u64, chunks(length));
        for (index, chunk) in all.iter().enumerate().rev() {
            assert!(!store.verify(&blob, &KEY, length).unwrap());
            store.write_chunk(&blob, length, index as u64, chunk, &mut entropy()).unwrap();
            store.flush(&blob).unwrap();
            assert_eq!(store.read_chunk(&blob, length, index as u64).unwrap().as_slice(), *chunk);
            assert!(!store.has(&blob));
        }
        store.finish(&blob, &KEY, length).unwrap();
        store.finish(&blob, &KEY, length).unwrap();
        assert_eq!(exported(&store, &blob, length).unwrap(), bytes);
    }
    assert_eq!(store.list().unwrap().iter().filter(|(_, whole)| *whole).count(), LENGTHS.len());
}

#[test]
fn missing_moved_and_damaged_chunks_are_errors() {
    let (_folder, store) = made();
    let bytes = picture(200_000);
    let length = bytes.len() as u64;
    let (blob, _) = store.import(&mut bytes.as_slice(), &KEY, &mut entropy()).unwrap();
    let path = store.path(&blob);
    let whole = fs::read(&path).unwrap();
    let step = (CHUNK + OVERHEAD) as usize;

    let mut swapped = whole.clone();
    swapped[..step].copy_from_slice(&whole[step..2 * step]);
    let mut flipped = whole.clone();
    flipped[step + 100] ^= 1;
    let mut longer = whole.clone();
    longer.push(0);
    for (name, bytes) in [
        ("swapped", swapped),
        ("flipped", flipped),
        ("longer", longer),
        ("cut at a chunk", whole[..3 * step].to_vec()),
        ("cut in a chunk", whole[..step + 5].to_vec()),
        ("empty", Vec::new()),
    ] {
        fs::write(&path, bytes).unwrap();
        assert!(matches!(exported(&store, &blob, length), Err(StoreError::Corrupt(_))), "{name}");
        assert!(!store.verify(&blob, &KEY, length).unwrap(), "{name}");
    }
    fs::write(&path, &whole).unwrap();
    assert!(store.read_chunk(&blob, length - 1, 3).is_err(), "another length");
    assert!(matches!(store.read_chunk(&blob, length, 4), Err(StoreError::Invalid(_))));
    let other = BlobStore::new(&store.folder, ChunkKey::from_bytes([9; 32])).unwrap();
    assert!(other.read_chunk(&blob, length, 0).is_err(), "another key");
    // Another blob's file under this name.
    let (second, _) = store.import(&mut picture(200_000)[1..].as_ref(), &KEY, &mut entropy()).unwrap();
    fs::copy(store.path(&second), &path).unwrap();
    assert!(store.read_chunk(&blob, length - 1, 0).is_err());

    store.remove(&blob).unwrap();
    store.remove(&blob).unwrap();
    assert!(matches!(exported(&store, &blob, length), Err(StoreError::NotFound(_))));
    assert!(!store.verify(&blob, &KEY, length).unwrap());
}

#[test]
fn bytes_that_are_not_the_blobs_are_thrown_away_at_the_end() {
    let (_folder, store) = made();
    let blob = BlobId::from_bytes([1; 32]);
    store.write_chunk(&blob, 5, 0, b"other", &mut entropy()).unwrap();
    assert!(matches!(store.finish(&blob, &KEY, 5), Err(StoreError::Corrupt(_))));
    assert!(names(&store).is_empty());
    for (length, index, chunk) in [(5, 1, b"12345".as_slice()), (5, 0, b"1234"), (0, 0, b""), (u64::MAX, 0, b"x")] {
        let refused = store.write_chunk(&blob, length, index, chunk, &mut entropy());
        assert!(matches!(refused, Err(StoreError::Invalid(_))), "{length} {index}");
    }
    assert!(matches!(store.verify(&blob, &KEY, u64::MAX), Err(StoreError::Invalid(_))));
    assert!(names(&store).is_empty());
}

#[test]
fn a_reader_that_fails_leaves_nothing() {
    struct Breaks(usize);
    impl Read for Breaks {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            if self.0 == 0 {
                return Err(io::Error::other("unplugged"));
            }
            // Short reads and interruptions are no reason to stop.
            self.0 -= 1;
            if self.0.is_multiple_of(7) {
                return Err(io::Error::from(ErrorKind::Interrupted));
            }
            let read = buffer.len().min(1000);
            buffer[..read].fill(7);
            Ok(read)
        }
    }
    let (_folder, store) = made();
    let refused = store.import(&mut Breaks(200), &KEY, &mut entropy());
    assert!(matches!(refused, Err(StoreError::Io { .. })), "{refused:?}");
    assert!(names(&store).is_empty());
}

#[test]
fn old_leftovers_are_swept_and_new_ones_are_not() {
    let (_folder, store) = made();
    fs::write(store.leftover(&[1; 32]), b"x").unwrap();
    let (blob, _) = store.import(&mut b"kept".as_slice(), &KEY, &mut entropy()).unwrap();
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis() as i64;
    store.sweep(Timestamp(now)).unwrap();
    assert_eq!(names(&store).len(), 2);
    store.sweep(Timestamp(now + 2 * LEFTOVER_AGE_MS)).unwrap();
    assert_eq!(names(&store), [blob.to_string()]);
}

#[test]
fn a_full_disk_says_so() {
    // A device file that is always full; where there is none, nothing is shown here.
    let Ok(mut full) = OpenOptions::new().write(true).open("/dev/full") else { return };
    let (_folder, store) = made();
    let bytes = picture(100_000);
    let (blob, length) = store.import(&mut bytes.as_slice(), &KEY, &mut entropy()).unwrap();
    assert_eq!(store.export(&blob, length, &mut full), Err(StoreError::StorageFull));
}
