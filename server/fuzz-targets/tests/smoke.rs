//! Each target over its seeds, and a fixed number of inputs that are made of them and the same in
//! each run. What takes no luck to find is found in each test run; `make fuzz` looks further.

#![allow(clippy::print_stdout, reason = "these are tests")]

use std::{
    collections::BTreeSet,
    fmt,
    panic::{set_hook, take_hook},
    sync::{
        Mutex, Once, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use fuzz_targets::{DOORS, ENTRANCE, ENVELOPE, FRAME, LOOKUP, MESSAGES, PART, Target, doors, entrance};
use proptest::{
    prelude::*,
    sample::Index,
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};

#[test]
fn each_seed_is_read_and_no_reader_is_without() {
    type Reads = fn(&[u8]) -> bool;
    for (seeds, reads, count) in [
        (doors::seeds(), doors::reads as Reads, doors::COUNT),
        (entrance::seeds(), entrance::reads as Reads, entrance::COUNT),
    ] {
        let unread: Vec<_> =
            seeds.iter().filter(|seed| !reads(seed)).map(|seed| seed.escape_ascii().to_string()).collect();
        assert!(unread.is_empty(), "{unread:?}");
        let numbers: BTreeSet<u8> = seeds.iter().map(|seed| seed[0]).collect();
        assert!(numbers.into_iter().eq(0..count));
    }
}

#[test]
fn doors_read_or_refuse_whatever_comes() {
    smoke(&DOORS, 100_000);
}

#[test]
fn nobody_gets_in_by_other_bytes_than_the_key() {
    smoke(&ENTRANCE, 100_000);
}

#[test]
fn envelopes_read_or_are_refused_and_read_again_as_they_were() {
    smoke(&ENVELOPE, 100_000);
}

#[test]
fn a_damaged_log_gives_no_batch_that_nobody_wrote() {
    smoke(&FRAME, 100);
}

#[test]
fn a_damaged_lookup_rules_out_nothing_that_is_there() {
    smoke(&LOOKUP, 2_000);
}

#[test]
fn pages_and_indexes_of_messages_are_read_or_refused() {
    smoke(&MESSAGES, 100_000);
}

#[test]
fn a_damaged_part_is_reported() {
    smoke(&PART, 300);
}

/// The bytes that a part of an input may become when it is repeated.
const LONGEST: usize = 16 << 10;

/// Panics so far, in whatever thread.
static PANICS: AtomicUsize = AtomicUsize::new(0);

/// Runs the target over its seeds, and over so many inputs that are made of them.
fn smoke(target: &Target, inputs: u32) {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let before = take_hook();
        set_hook(Box::new(move |panic| {
            PANICS.fetch_add(1, Ordering::Relaxed);
            before(panic);
        }));
    });
    // Panics are counted, so one target at a time.
    static TURN: Mutex<()> = Mutex::new(());
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let run = |input: &Input| {
        let before = PANICS.load(Ordering::Relaxed);
        (target.run)(&input.0);
        let more = PANICS.load(Ordering::Relaxed) - before;
        assert!(target.catches_panics || more == 0, "a thread of its own panicked");
    };
    let config = Config { cases: inputs, failure_persistence: None, ..Config::default() };
    // The same inputs in each run.
    let random = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let mut runner = TestRunner::new_with_rng(config, random);
    let seeds = (target.seeds)();
    for seed in &seeds {
        // What is printed last is the one that it was; it is shown where the test fails.
        println!("{}, a seed: {:?}", target.name, Input(seed.clone()));
        run(&Input(seed.clone()));
    }
    let found = runner.run(&made_of(seeds), |input| {
        run(&input);
        Ok(())
    });
    found.unwrap_or_else(|error| panic!("{}: {error}", target.name));
}

/// The bytes of an input, written as a literal.
struct Input(Vec<u8>);

impl fmt::Debug for Input {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "b\"{}\"", self.0.escape_ascii())
    }
}

/// A change to an input; places and lengths are of what is there.
#[derive(Debug, Clone)]
enum Edit {
    Set(Index, u8),
    Flip(Index, u8),
    Insert(Index, Vec<u8>),
    Remove(Index, Index),
    Repeat(Index, Index, usize),
    /// From a place on, what another seed has from a place on.
    Splice(Index, Index, Index),
}

/// Seeds with no, one or several changes.
fn made_of(seeds: Vec<Vec<u8>>) -> impl Strategy<Value = Input> {
    // What stands for something in one of the formats, or is at the end of a range.
    const TELLING: [&[u8]; 24] = [
        b"\"",
        b"\\",
        b"{",
        b"}",
        b"[",
        b"]",
        b"\n",
        b"\0",
        b"null",
        b"-1",
        b"1e999",
        b"18446744073709551616",
        b"\\u0000",
        b"\\ud800",
        b"\xff\xff\xff\xff",
        b"\x80",
        b"\xc3",
        "\u{b6}".as_bytes(),
        b"\xef\xbb\xbf",
        b"\x00\x00\x00\x00",
        b"<191>",
        b"2026-02-30T25:61:61Z",
        b"\xdd\xff\xff\xff\xff",
        b"[[[[[[[[",
    ];
    let insert = prop_oneof![
        prop::sample::select(&TELLING[..]).prop_map(<[u8]>::to_vec),
        prop::collection::vec(any::<u8>(), 1..9),
    ];
    let edit = prop_oneof![
        (any::<Index>(), any::<u8>()).prop_map(|(place, byte)| Edit::Set(place, byte)),
        (any::<Index>(), 0..8_u8).prop_map(|(place, bit)| Edit::Flip(place, 1 << bit)),
        (any::<Index>(), insert).prop_map(|(place, bytes)| Edit::Insert(place, bytes)),
        (any::<Index>(), any::<Index>()).prop_map(|(from, to)| Edit::Remove(from, to)),
        (any::<Index>(), any::<Index>(), 1..40_usize).prop_map(|(from, to, times)| Edit::Repeat(from, to, times)),
        (any::<Index>(), any::<Index>(), any::<Index>()).prop_map(|(at, seed, from)| Edit::Splice(at, seed, from)),
    ];
    let edits = prop::collection::vec(edit, 0..6);
    (prop::sample::select(seeds.clone()), edits).prop_map(move |(mut bytes, edits)| {
        edits.into_iter().for_each(|edit| apply(edit, &mut bytes, &seeds));
        Input(bytes)
    })
}

fn apply(edit: Edit, bytes: &mut Vec<u8>, seeds: &[Vec<u8>]) {
    // A place between two bytes, or before the first or behind the last.
    let between = |place: Index, bytes: &[u8]| place.index(bytes.len() + 1);
    let range = |one: Index, other: Index, bytes: &[u8]| {
        let (one, other) = (between(one, bytes), between(other, bytes));
        one.min(other)..one.max(other)
    };
    match edit {
        Edit::Set(place, byte) if !bytes.is_empty() => *place.get_mut(bytes) = byte,
        Edit::Flip(place, bit) if !bytes.is_empty() => *place.get_mut(bytes) ^= bit,
        Edit::Set(..) | Edit::Flip(..) => {}
        Edit::Insert(place, more) => {
            let place = between(place, bytes);
            bytes.splice(place..place, more);
        }
        Edit::Remove(from, to) => drop(bytes.drain(range(from, to, bytes))),
        Edit::Repeat(from, to, times) => {
            let range = range(from, to, bytes);
            let more = bytes[range.clone()].repeat(times.min(LONGEST / range.len().max(1)));
            bytes.splice(range.end..range.end, more);
        }
        Edit::Splice(at, seed, from) => {
            bytes.truncate(between(at, bytes));
            let seed = seed.get(seeds);
            bytes.extend_from_slice(&seed[between(from, seed)..]);
        }
    }
}
