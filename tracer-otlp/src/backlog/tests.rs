use super::*;
use bytes::Bytes;
use proptest::{collection::vec, prelude::*};
use std::path::Path;

const ROOMY: u64 = 1 << 20;

fn open(directory: &Path, bytes: u64) -> (Backlog, Arc<Stats>) {
    let stats = Arc::new(Stats::default());
    let storage = Storage { directory: directory.to_owned(), bytes };
    (Backlog::open(storage, Arc::clone(&stats)).unwrap(), stats)
}

fn batch(number: u32, size: usize) -> Batch {
    let mut payload = vec![0; size];
    payload[..4].copy_from_slice(&number.to_le_bytes());
    Batch { payload: payload.into(), spans: 10 }
}

fn number(batch: &Batch) -> u32 {
    u32::from_le_bytes(batch.payload[..4].try_into().unwrap())
}

/// Everything that is left, settled.
fn drain(backlog: &mut Backlog) -> Vec<u32> {
    let mut numbers = Vec::new();
    while let Some((batch, ticket)) = backlog.next() {
        numbers.push(number(&batch));
        backlog.settle(ticket);
    }
    numbers
}

fn files(directory: &Path) -> Vec<PathBuf> {
    let numbers = segment::numbers(directory).unwrap();
    numbers.into_iter().map(|number| segment::path(directory, number)).collect()
}

#[test]
fn what_is_not_settled_comes_again_after_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let (mut backlog, stats) = open(directory.path(), ROOMY);
    for at in 0..5 {
        backlog.append(&batch(at, 100)).unwrap();
    }
    let first = backlog.next().unwrap();
    let second = backlog.next().unwrap();
    let third = backlog.next().unwrap();
    assert_eq!([number(&first.0), number(&second.0), number(&third.0)], [0, 1, 2]);
    backlog.settle(first.1);
    // Settled out of order: what is before it counts.
    backlog.settle(third.1);
    assert_eq!(stats.snapshot().queued_batches, 3);
    // As kill -9 would: nothing runs.
    std::mem::forget(backlog);
    // The lock goes with the process; here it has to be another directory entry.
    fs::remove_file(directory.path().join("lock")).unwrap();
    let (mut backlog, stats) = open(directory.path(), ROOMY);
    assert_eq!((stats.snapshot().queued_batches, stats.snapshot().queued_bytes), (4, 400));
    backlog.append(&batch(5, 100)).unwrap();
    assert_eq!(drain(&mut backlog), [1, 2, 3, 4, 5]);
    assert_eq!(stats.snapshot().queued_batches, 0);
    assert_eq!(stats.dropped(DropReason::Damaged), 0);
}

#[test]
fn the_bound_holds_and_space_comes_back() {
    let directory = tempfile::tempdir().unwrap();
    let bound = 16_000;
    let (mut backlog, _) = open(directory.path(), bound);
    let mut taken = 0;
    while backlog.append(&batch(taken, 500)).is_ok() {
        taken += 1;
    }
    let used: u64 = files(directory.path()).iter().map(|file| file.metadata().unwrap().len()).sum();
    assert!(used <= bound && used + 516 > bound, "{used}");
    assert!(files(directory.path()).len() > 4, "it is several files");
    for _ in 0..5 {
        let (_, ticket) = backlog.next().unwrap();
        backlog.settle(ticket);
    }
    backlog.append(&batch(taken, 500)).unwrap();
    assert_eq!(drain(&mut backlog), (5..=taken).collect::<Vec<_>>());
    drop(backlog);
    // Nothing is left, and nothing comes again.
    let (mut backlog, _) = open(directory.path(), bound);
    assert_eq!(files(directory.path()), Vec::<PathBuf>::new());
    backlog.append(&batch(99, 4)).unwrap();
    assert_eq!(drain(&mut backlog), [99]);
}

#[test]
fn two_exporters_cannot_share_a_directory() {
    let directory = tempfile::tempdir().unwrap();
    let (_backlog, _) = open(directory.path(), ROOMY);
    let storage = Storage { directory: directory.path().to_owned(), bytes: ROOMY };
    let error = Backlog::open(storage, Arc::default()).unwrap_err();
    assert!(matches!(error, StorageError::InUse { .. }), "{error}");
}

#[test]
fn a_directory_that_cannot_be_made_says_so() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let storage = Storage { directory: file.path().join("below"), bytes: ROOMY };
    let error = Backlog::open(storage, Arc::default()).unwrap_err().to_string();
    assert!(error.contains("cannot be used") && error.contains("below"), "{error}");
}

#[test]
fn a_file_that_goes_away_while_it_is_needed_is_counted() {
    let directory = tempfile::tempdir().unwrap();
    let (mut backlog, stats) = open(directory.path(), ROOMY);
    for at in 0..3 {
        backlog.append(&batch(at, 100)).unwrap();
    }
    fs::remove_file(&files(directory.path())[0]).unwrap();
    assert!(backlog.next().is_none());
    assert_eq!(stats.dropped(DropReason::Damaged), 30);
    backlog.append(&batch(3, 100)).unwrap();
    assert_eq!(drain(&mut backlog), [3]);
}

fn write_five(directory: &Path) -> PathBuf {
    let (mut backlog, _) = open(directory, ROOMY);
    for at in 0..5 {
        backlog.append(&batch(at, 40)).unwrap();
    }
    files(directory).remove(0)
}

/// Bytes of a record of [`write_five`].
const RECORD: usize = HEAD + 40;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Cut anywhere: whole records are there, the rest is counted.
    #[test]
    fn a_cut_tail_is_skipped_and_counted(cut in 0..5 * RECORD) {
        let directory = tempfile::tempdir().unwrap();
        let file = write_five(directory.path());
        File::options().write(true).open(&file).unwrap().set_len(cut as u64).unwrap();
        let (mut backlog, stats) = open(directory.path(), ROOMY);
        backlog.append(&batch(9, 40)).unwrap();
        let whole = (cut / RECORD) as u32;
        prop_assert_eq!(drain(&mut backlog), (0..whole).chain([9]).collect::<Vec<_>>());
        let rest = cut % RECORD;
        let lost = match rest {
            0 => 0,
            head if head < HEAD => 1,
            _ => 10,
        };
        prop_assert_eq!(stats.dropped(DropReason::Damaged), lost);
        prop_assert_eq!(stats.snapshot().queued_batches, 0);
    }

    /// Bytes changed anywhere: what comes out is what was put in, in order, and a loss is counted.
    #[test]
    fn damage_never_becomes_a_batch(changes in vec((0..5 * RECORD, 1..=255_u8), 1..4)) {
        let directory = tempfile::tempdir().unwrap();
        let file = write_five(directory.path());
        let mut bytes = fs::read(&file).unwrap();
        for (at, change) in changes {
            bytes[at] ^= change;
        }
        let is_damaged = bytes != {
            let other = tempfile::tempdir().unwrap();
            fs::read(write_five(other.path())).unwrap()
        };
        fs::write(&file, bytes).unwrap();
        let (mut backlog, stats) = open(directory.path(), ROOMY);
        let mut numbers = Vec::new();
        while let Some((found, ticket)) = backlog.next() {
            prop_assert_eq!(&found.payload, &batch(number(&found), 40).payload);
            numbers.push(number(&found));
            backlog.settle(ticket);
        }
        prop_assert!(numbers.is_sorted_by(|a, b| a < b));
        prop_assert_eq!(numbers.len() == 5, !is_damaged);
        prop_assert_eq!(stats.dropped(DropReason::Damaged) > 0, is_damaged);
    }

    /// A file of anything is no reason to fail.
    #[test]
    fn a_file_of_anything_is_skipped(bytes in vec(any::<u8>(), 1..200), position in vec(any::<u8>(), 0..30)) {
        let directory = tempfile::tempdir().unwrap();
        fs::write(segment::path(directory.path(), 1), bytes).unwrap();
        fs::write(directory.path().join("position"), position).unwrap();
        let (mut backlog, stats) = open(directory.path(), ROOMY);
        prop_assert!(backlog.next().is_none());
        prop_assert_eq!(stats.dropped(DropReason::Damaged), 1);
    }
}

#[test]
fn an_empty_payload_is_a_batch() {
    let directory = tempfile::tempdir().unwrap();
    let (mut backlog, _) = open(directory.path(), ROOMY);
    backlog.append(&Batch { payload: Bytes::new(), spans: 0 }).unwrap();
    assert_eq!(backlog.next().unwrap().0.payload.len(), 0);
}
