//! Blobs at rest: sealed, named by what they hold, resumed, and never believed.

use super::*;
use crate::testing::journal::Seeded;

fn entropy() -> Seeded {
    Seeded::new(1)
}

const KEY: HashKey = HashKey::from_bytes([3; 32]);
const ENTRY: EntryId = EntryId::from_bytes([6; 16]);

fn made() -> (tempfile::TempDir, BlobStore) {
    let folder = tempfile::tempdir().unwrap();
    let store = BlobStore::new(&folder.path().join("blobs"), BlobKey::from_bytes([8; 32])).unwrap();
    (folder, store)
}

fn picture(length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    Seeded::new(length as u64).fill(&mut bytes);
    bytes
}

fn named(bytes: &[u8]) -> BlobRef {
    let id = BlobId::from_bytes(Hasher::keyed(&KEY).update(bytes).finish());
    BlobRef { id, key: *KEY.as_bytes(), len: bytes.len() as u64 }
}

fn imported(store: &BlobStore, bytes: &[u8]) -> BlobRef {
    store.import(ENTRY, &mut &*bytes, &KEY, &mut entropy()).unwrap()
}

fn exported(store: &BlobStore, blob: &BlobRef) -> StoreResult<Vec<u8>> {
    let mut out = Vec::new();
    store.export(ENTRY, blob, &mut out).map(|()| out)
}

/// Parts as they are sent: from the top down.
fn in_order(bytes: &[u8]) -> Vec<(u32, Vec<u8>)> {
    let (shape, parts) = (Shape::new(bytes.len() as u64).unwrap(), parts_of(&KEY, bytes));
    let part = |position| shape.in_order(position).map(|part| (part as u32, parts[part as usize].clone()));
    (0..shape.parts()).filter_map(part).collect()
}

fn store_all(store: &BlobStore, blob: &BlobRef, parts: &[(u32, Vec<u8>)]) -> StoreResult<Taken> {
    let parts: Vec<(u32, &[u8])> = parts.iter().map(|(part, bytes)| (*part, bytes.as_slice())).collect();
    store.store(ENTRY, blob, &parts, &mut entropy())
}

fn names(store: &BlobStore) -> Vec<String> {
    let mut names: Vec<String> =
        fs::read_dir(&store.folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

const LENGTHS: [usize; 7] = [0, 1, 65_535, 65_536, 65_537, 131_072, 300_000];
/// Long enough for a second level above the chunks.
const LONG: usize = (128 << 20) + 70_000;
const STEP: usize = CHUNK as usize + crate::crypto::part_overhead();

#[test]
fn what_goes_in_comes_out_and_is_sealed_in_between() {
    let (_folder, store) = made();
    for length in LENGTHS.into_iter().chain([LONG]) {
        let bytes = picture(length);
        let blob = imported(&store, &bytes);
        assert_eq!(blob, named(&bytes));
        assert!(exported(&store, &blob).unwrap() == bytes);
        assert!(store.has(ENTRY, &blob.id) && store.verify(ENTRY, &blob).unwrap(), "{length}");
        assert!(!store.verify(ENTRY, &BlobRef { key: [4; 32], ..blob.clone() }).unwrap());
        let shape = Shape::new(blob.len).unwrap();
        let file = fs::read(store.path(ENTRY, &blob.id)).unwrap();
        assert_eq!(file.len(), shape.bytes() as usize + shape.parts() as usize * (STEP - CHUNK as usize));
        assert!(length < 32 || length == LONG || !file.windows(32).any(|window| window == &bytes[..32]));
        // Again: the same name, the same bytes, nothing left over.
        assert_eq!(imported(&store, &bytes), blob);
    }
    assert_eq!(names(&store).len(), LENGTHS.len() + 1);
    assert!(names(&store).iter().all(|name| name.len() == 64));
}

#[test]
fn a_blob_arrives_in_slices_and_is_named_when_whole() {
    let (_folder, store) = made();
    for length in LENGTHS.into_iter().skip(1).chain([LONG]) {
        let bytes = picture(length);
        let (blob, parts) = (named(&bytes), in_order(&bytes));
        // A slice of one part, then of three, then of many: as cuts would have it.
        let mut rest = parts.as_slice();
        for size in [1, 3, 1].into_iter().chain(std::iter::repeat(100)) {
            let slice = rest.split_off(..size.min(rest.len())).unwrap();
            if slice.is_empty() {
                break;
            }
            assert!(!store.has(ENTRY, &blob.id));
            let taken = store_all(&store, &blob, slice).unwrap();
            assert_eq!(taken.parts, slice.iter().map(|(part, _)| *part).collect::<Vec<_>>());
            assert_eq!((taken.damaged, taken.lost.len(), taken.whole), (0, 0, false));
            let read = store.read(ENTRY, &blob, &taken.parts).unwrap();
            assert!(read.iter().map(|bytes| &**bytes).eq(slice.iter().map(|(_, bytes)| bytes)));
        }
        store.finish(ENTRY, &blob.id).unwrap();
        store.finish(ENTRY, &blob.id).unwrap();
        assert!(exported(&store, &blob).unwrap() == bytes);
        assert!(store.verify(ENTRY, &blob).unwrap());
        // Named, and the database never heard of it: nothing is written again.
        assert!(store_all(&store, &blob, &parts[..1]).unwrap().whole);
    }
    assert_eq!(names(&store).len(), LENGTHS.len());
}

#[test]
fn a_part_that_is_not_the_blobs_is_refused_when_it_comes() {
    let (_folder, store) = made();
    let bytes = picture(300_000);
    let (blob, parts) = (named(&bytes), in_order(&bytes));
    // Before what they are known by, chunks can't be looked at: not damaged, and not taken.
    let early = store_all(&store, &blob, &parts[1..]).unwrap();
    assert_eq!((early.parts.len(), early.damaged), (0, 0));
    let mut bad = parts.clone();
    bad[0].1[0] ^= 1;
    assert_eq!(store_all(&store, &blob, &bad[..1]).unwrap().damaged, 1, "a node");
    let mut bad = parts.clone();
    bad[2].1[7] ^= 1;
    bad.swap(3, 4);
    (bad[3].0, bad[4].0) = (bad[4].0, bad[3].0);
    bad.push((77, vec![1; 5]));
    let taken = store_all(&store, &blob, &bad).unwrap();
    assert_eq!(taken.damaged, 4, "a flipped bit, two swapped chunks, and one that there is not");
    assert_eq!(taken.parts, [5, 0, 4]);
    assert_eq!(store_all(&store, &blob, &parts[2..]).unwrap().damaged, 0);
    store.finish(ENTRY, &blob.id).unwrap();
    assert!(store.verify(ENTRY, &blob).unwrap());
    // Longer than any blob may be.
    let endless = BlobRef { len: u64::MAX, ..blob };
    assert!(matches!(store_all(&store, &endless, &parts), Err(StoreError::Invalid(_))));
    assert!(matches!(store.verify(ENTRY, &endless), Err(StoreError::Invalid(_))));
}

#[test]
fn nodes_that_were_lost_on_the_disk_are_named_to_be_fetched_again() {
    let (_folder, store) = made();
    let bytes = picture(300_000);
    let (blob, parts) = (named(&bytes), in_order(&bytes));
    store_all(&store, &blob, &parts[..2]).unwrap();
    let path = store.part_path(ENTRY, &blob.id);
    let mut file = fs::read(&path).unwrap();
    let end = file.len() - 1;
    file[end] ^= 1;
    fs::write(&path, file).unwrap();
    let taken = store_all(&store, &blob, &parts[2..]).unwrap();
    assert_eq!((taken.parts, taken.lost, taken.damaged), (Vec::new(), vec![parts[0].0], 0));
    assert_eq!(store_all(&store, &blob, &parts).unwrap().parts.len(), parts.len());
}

#[test]
fn a_blob_of_two_entries_is_two_files() {
    let (_folder, store) = made();
    let bytes = picture(100_000);
    let other = EntryId::from_bytes([7; 16]);
    let blob = imported(&store, &bytes);
    assert_eq!(store.import(other, &mut bytes.as_slice(), &KEY, &mut entropy()).unwrap(), blob);
    fs::copy(store.path(other, &blob.id), store.path(ENTRY, &blob.id)).unwrap();
    assert!(!store.verify(ENTRY, &blob).unwrap(), "another entry's file under this name");
    store.remove(ENTRY, &blob.id).unwrap();
    assert!(store.verify(other, &blob).unwrap());
}

#[test]
fn missing_moved_and_damaged_chunks_are_errors() {
    let (_folder, store) = made();
    let bytes = picture(200_000);
    let blob = imported(&store, &bytes);
    let path = store.path(ENTRY, &blob.id);
    let whole = fs::read(&path).unwrap();

    let mut swapped = whole.clone();
    swapped[..STEP].copy_from_slice(&whole[STEP..2 * STEP]);
    let mut flipped = whole.clone();
    flipped[STEP + 100] ^= 1;
    let mut longer = whole.clone();
    longer.push(0);
    for (name, bytes) in [
        ("swapped", swapped),
        ("flipped", flipped),
        ("longer", longer),
        ("cut at a chunk", whole[..3 * STEP].to_vec()),
        ("cut in a chunk", whole[..STEP + 5].to_vec()),
        ("empty", Vec::new()),
    ] {
        fs::write(&path, bytes).unwrap();
        assert!(matches!(exported(&store, &blob), Err(StoreError::Corrupt(_))), "{name}");
        assert!(!store.verify(ENTRY, &blob).unwrap(), "{name}");
        assert!(store.read(ENTRY, &blob, &[0, 1, 2, 3, 4]).unwrap().len() < 5 || name == "longer", "{name}");
    }
    fs::write(&path, &whole).unwrap();
    let read = |blob: &BlobRef| store.read(ENTRY, blob, &[0]).unwrap().len();
    assert_eq!(read(&blob), 1);
    assert_eq!(read(&BlobRef { len: blob.len - 1, ..blob.clone() }), 0, "another length");
    assert_eq!(read(&BlobRef { key: [9; 32], ..blob.clone() }), 0, "another attachment's key");
    assert!(matches!(store.read(ENTRY, &blob, &[5]), Err(StoreError::Invalid(_))));
    let other = BlobStore::new(&store.folder, BlobKey::from_bytes([9; 32])).unwrap();
    assert_eq!(other.read(ENTRY, &blob, &[0]).unwrap().len(), 0, "another device's key");
    // Another blob's file under this name.
    let second = imported(&store, &bytes[1..]);
    fs::copy(store.path(ENTRY, &second.id), &path).unwrap();
    assert_eq!(read(&BlobRef { len: blob.len - 1, ..blob.clone() }), 0);

    store.remove(ENTRY, &blob.id).unwrap();
    store.remove(ENTRY, &blob.id).unwrap();
    assert!(matches!(exported(&store, &blob), Err(StoreError::NotFound(_))));
    assert!(!store.verify(ENTRY, &blob).unwrap());
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
    let refused = store.import(ENTRY, &mut Breaks(200), &KEY, &mut entropy());
    assert!(matches!(refused, Err(StoreError::Io { .. })), "{refused:?}");
    assert!(names(&store).is_empty());
}

#[test]
fn old_leftovers_are_swept_and_new_ones_are_not() {
    let (_folder, store) = made();
    fs::write(store.leftover(&[1; 32]), b"x").unwrap();
    let blob = imported(&store, b"kept");
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis() as i64;
    assert_eq!(store.sweep(Timestamp(now)), Ok(Vec::new()));
    assert_eq!(names(&store).len(), 2);
    // A blob that nobody touched for a day may be in every entry: only who reads the logs can tell.
    assert_eq!(store.sweep(Timestamp(now + 2 * LEFTOVER_AGE_MS)), Ok(vec![file_name(ENTRY, &blob.id)]));
    assert_eq!(names(&store), [store.path(ENTRY, &blob.id).file_name().unwrap().to_str().unwrap()]);
}

#[test]
fn a_full_disk_says_so() {
    // A device file that is always full; where there is none, nothing is shown here.
    let Ok(mut full) = OpenOptions::new().write(true).open("/dev/full") else { return };
    let (_folder, store) = made();
    let bytes = picture(100_000);
    let blob = imported(&store, &bytes);
    assert_eq!(store.export(ENTRY, &blob, &mut full), Err(StoreError::StorageFull));
}

#[test]
fn only_one_stores_at_a_time() {
    let (_folder, store) = made();
    let (told, tell) = std::sync::mpsc::channel();
    let alone = store.alone().unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let _alone = store.alone().unwrap();
            told.send("second").unwrap();
        });
        std::thread::sleep(std::time::Duration::from_millis(50));
        tell.try_recv().unwrap_err();
        drop(alone);
        assert_eq!(tell.recv(), Ok("second"));
    });
}
