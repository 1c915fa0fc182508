//! The index over texts alone.

use model::query::fold::Letter;
use proptest::{collection::vec, prelude::*, sample::Index};

use super::{BLOCK_ROWS, Builder, Directory, Sets, Wanted};

fn bytes_of(messages: &[String]) -> Vec<u8> {
    let mut builder = Builder::default();
    messages.iter().for_each(|message| builder.add(message));
    builder.finish()
}

/// The sets of each block; `None` if the bytes are damaged.
fn read(bytes: &[u8], blocks: usize) -> Option<Vec<Sets>> {
    let directory = Directory::read(bytes.get(..Directory::length(blocks))?)?;
    assert_eq!(directory.blocks(), blocks);
    let sets = |block| {
        let range = directory.range(block)?;
        directory.sets(block, bytes.get(range.start as usize..range.end as usize)?.to_vec())
    };
    (0..blocks).map(sets).collect()
}

fn built(messages: &[String]) -> Vec<Sets> {
    read(&bytes_of(messages), messages.len().div_ceil(BLOCK_ROWS)).unwrap()
}

fn may_contain(sets: &Sets, text: &str) -> bool {
    sets.may_contain(&Wanted::of(text))
}

proptest! {
    #[test]
    fn a_part_of_a_message_is_never_ruled_out_in_any_case(
        messages in vec("(.|[a-z ]|[a-zA-Z]{2,8} [a-z]{2,8} |[kKsSſ\u{212a}ßẞσςΣоОІᲀİıეკაԱաÅåⱥȺ한中]){0,40}", 1..20),
        pick in any::<Index>(),
        from in any::<Index>(),
        length in 0_usize..40,
        forms in vec(any::<Index>(), 40),
    ) {
        let sets = built(&messages);
        let message: Vec<char> = pick.get(&messages).chars().collect();
        let part = message.iter().skip(from.index(message.len() + 1)).take(length);
        let text: String = part.zip(forms).map(|(character, form)| *form.get(Letter::of(*character).forms())).collect();
        prop_assert!(may_contain(&sets[0], &text), "{text:?}");
    }

    #[test]
    fn a_damaged_byte_is_noticed(place in any::<Index>(), damage in 1..=u8::MAX) {
        let mut bytes = bytes_of(&["some message".to_owned(), "of the day".to_owned()]);
        prop_assert!(read(&bytes, 1).is_some());
        let place = place.index(bytes.len());
        bytes[place] ^= damage;
        prop_assert_eq!(read(&bytes, 1), None);
    }

    #[test]
    fn any_bytes_are_an_index_or_none(bytes in vec(any::<u8>(), 0..200), sets in vec(any::<u8>(), 0..300), valid in any::<bool>()) {
        let mut bytes = bytes;
        if valid {
            // Sizes that occur, and the checksum that they have.
            bytes.truncate(20);
            bytes.iter_mut().for_each(|byte| *byte = [0, 9, 10, 16, 17, 19, 20][usize::from(*byte) % 7]);
            let checksum = crc32c::crc32c(&bytes);
            bytes.extend(checksum.to_le_bytes());
        }
        if let Some(directory) = Directory::read(&bytes) {
            for block in 0..=directory.blocks() {
                prop_assert_eq!(directory.range(block).is_some(), block < directory.blocks());
                if let Some(sets) = directory.sets(block, sets.clone()) {
                    may_contain(&sets, "any text");
                }
            }
        }
    }
}

#[test]
fn what_occurs_nowhere_is_ruled_out_and_blocks_are_told_apart() {
    let mut messages = vec!["connection to 10.0.0.1 was reset by peer".to_owned(); BLOCK_ROWS];
    messages.push("payment 4711 was refused".to_owned());
    let sets = built(&messages);
    assert_eq!(sets.len(), 2);
    assert!(may_contain(&sets[0], "RESET by") && !may_contain(&sets[0], "refused"));
    assert!(may_contain(&sets[1], "refused") && !may_contain(&sets[1], "reset by"));
    assert!(!may_contain(&sets[0], "zebra") && may_contain(&sets[0], "zz"));
    // A block that ends early.
    let mut builder = Builder::default();
    for message in ["one", "two"] {
        builder.add(message);
        builder.end_block();
        builder.end_block();
    }
    let sets = read(&builder.finish(), 2).unwrap();
    assert!(may_contain(&sets[0], "one") && !may_contain(&sets[0], "two") && may_contain(&sets[1], "two"));
}

#[test]
fn frequent_words_in_an_order_that_is_nowhere_are_ruled_out() {
    let messages = [
        "the cache of the node was read in time",
        "time of the day was 10 ms",
        "connection established to upstream",
        "upstream connection established",
    ];
    let sets = built(&messages.map(str::to_owned)).remove(0);
    for text in ["the NODE was", "of the", "time of", "10 ms", "e of t", "ction established to upst"] {
        assert!(may_contain(&sets, text), "{text}");
    }
    for text in ["the was", "node of the", "time in", "was the cache", "established connection", "upstream to upstream"]
    {
        assert!(!may_contain(&sets, text), "{text}");
    }
}

#[test]
fn a_text_of_any_script_is_ruled_out_where_it_is_nowhere() {
    let messages = ["Ошибка подключения", "주문이 실패했습니다", "Σφάλμα σύνδεσης", "reset"].map(str::to_owned);
    let sets = built(&messages).remove(0);
    for (text, is_there) in [
        ("ОШИБКА", true),
        ("ПРЕВЫШЕН", false),
        ("주문이", true),
        ("결제가", false),
        ("ΣΎΝΔΕΣΗΣ", true),
        ("ΆΓΝΩΣΤΟ", false),
        ("RE\u{17f}ET", true),
        ("RESETS", false),
    ] {
        assert_eq!(may_contain(&sets, text), is_there, "{text}");
    }
}

/// The same numbers in each run (SplitMix64).
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) % bound as u64) as usize
    }

    fn text(&mut self, letters: &[u8], length: usize) -> String {
        (0..length).map(|_| char::from(letters[self.below(letters.len())])).collect()
    }

    fn word(&mut self) -> String {
        let length = 4 + self.below(7);
        self.text(b"abcdefghijklmnopqrstuvwxyz", length)
    }
}

/// Messages of 200 templates over a vocabulary, with a random token and a number each; and the templates.
fn corpus(random: &mut Random, words: usize) -> (Vec<String>, Vec<Vec<String>>) {
    const DIGITS: &[u8] = b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    let vocabulary: Vec<String> = (0..words).map(|_| random.word()).collect();
    let mut template = || (0..12).map(|_| vocabulary[random.below(words)].clone()).collect::<Vec<_>>();
    let templates: Vec<Vec<String>> = (0..200).map(|_| template()).collect();
    let messages = (0..8_000)
        .map(|number| {
            let mut words = templates[random.below(templates.len())].clone();
            let place = random.below(words.len());
            words.insert(place, random.text(DIGITS, 12));
            words.insert(random.below(words.len()), number.to_string());
            words.join(" ")
        })
        .collect();
    (messages, templates)
}

#[test]
fn words_of_a_message_in_another_order_are_ruled_out_beside_random_tokens() {
    for words in [200, 2_000, 20_000] {
        let random = &mut Random(words as u64);
        let (messages, templates) = corpus(random, words);
        let bytes = bytes_of(&messages);
        let sets = read(&bytes, 1).unwrap().remove(0);
        let (mut phrases, mut ruled_out) = (0, 0);
        while phrases < 1_000 {
            let template = &templates[random.below(templates.len())];
            let from = random.below(template.len() - 3);
            let there = template[from..from + 4].join(" ");
            assert!(may_contain(&sets, &there) || !messages.iter().any(|message| message.contains(&there)), "{there}");
            let mut phrase = template[from..from + 4].to_vec();
            phrase.reverse();
            let phrase = phrase.join(" ");
            if !templates.iter().any(|template| template.join(" ").contains(&phrase)) {
                phrases += 1;
                ruled_out += usize::from(!may_contain(&sets, &phrase));
            }
        }
        assert!(ruled_out >= 990, "{ruled_out} of {phrases} with {words} words");
        // The runs of the tokens fill the largest set of runs; of their seams few have only letters.
        assert!(bytes.len() <= 64 << 10, "{} bytes with {words} words", bytes.len());
    }
}

#[test]
fn similar_messages_take_little_and_full_sets_are_left_out() {
    let similar: Vec<String> = (0..1_000).map(|_| "the cache of the node was read".to_owned()).collect();
    assert_eq!(bytes_of(&similar).len(), 2 + 4 + 64 + 64 + 4);

    // Nearly every pair of words is there.
    let random = &mut Random(1);
    let messages: Vec<String> =
        (0..10_000).map(|_| (0..60).map(|_| random.word()).collect::<Vec<_>>().join(" ")).collect();
    let bytes = bytes_of(&messages);
    assert!(bytes.len() < 20 << 10, "{} bytes", bytes.len());
    let sets = read(&bytes, 1).unwrap().remove(0);
    assert!(may_contain(&sets, "word other") && !may_contain(&sets, "12345"));
}
