//! What a search for a text reads of a part without Parquet's reader: pages of messages, and the index of messages. Any
//! bytes are read or refused, and what is read hangs together.

use parts::{
    message_index::{Builder, Directory, Wanted},
    scan::Page,
};

pub fn run(bytes: &[u8]) {
    let Some(([kind, low, high], bytes)) = bytes.split_first_chunk::<3>() else { return };
    let number = usize::from(u16::from_le_bytes([*low, *high]));
    if kind.is_multiple_of(2) { page(number, bytes) } else { index(number, bytes) }
}

fn page(messages: usize, bytes: &[u8]) {
    let (Ok(page), Ok(checked)) = (Page::new(bytes, messages), Page::new(bytes, messages)) else { return };
    assert_eq!(page.len(), messages);
    let Ok(ends) = page.ends() else {
        assert!(page.check().is_err() && (messages == 0 || page.message(0).is_err()));
        return;
    };
    assert!(ends.len() == messages && ends.is_sorted());
    assert!(ends.last().is_none_or(|last| *last as usize <= page.bytes().len()));
    let is_text = checked.check().is_ok();
    for message in 0..messages {
        let range = page.range(message).expect("ends that are there");
        assert!(page.bytes().get(range.clone()).is_some());
        // Checked one by one and all at once. Damaged lengths may place an empty message inside a character, and nothing
        // shows it if the message is checked alone.
        if is_text && !range.is_empty() {
            assert_eq!(page.message(message).ok(), checked.message(message).ok());
        }
    }
    // Messages that are text are text together.
    assert!(is_text || (0..messages).any(|message| page.message(message).is_err()));
}

fn index(blocks: usize, bytes: &[u8]) {
    let Some(directory) = bytes.get(..Directory::length(blocks)).and_then(Directory::read) else { return };
    assert_eq!(directory.blocks(), blocks);
    for block in 0..blocks {
        let range = directory.range(block).expect("a block that is there");
        let sets = bytes.get(range.start as usize..range.end as usize);
        if let Some(sets) = sets.and_then(|sets| directory.sets(block, sets.to_vec())) {
            assert!(sets.may_contain(&Wanted::of("")));
            sets.may_contain(&Wanted::of("connection reset by peer"));
        }
    }
    assert!(directory.range(blocks).is_none());
}

/// Pages of different and of equal lengths, and indexes of one block and of three.
pub fn seeds() -> Vec<Vec<u8>> {
    let different: &[u8] = &[0x80, 1, 4, 4, 4, 3, 3, 0, 0, 0, 0b0110_1000, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    // A hundred and fifty messages of three bytes: the deltas take no bits.
    let equal: &[u8] = &[0x80, 1, 4, 0x96, 1, 6, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    let index = |blocks: u8| {
        let mut builder = Builder::default();
        for _ in 0..blocks {
            builder.add("connection reset by peer");
            builder.end_block();
        }
        [&[1, blocks, 0][..], &builder.finish()[..]].concat()
    };
    vec![
        [&[0, 4, 0][..], different, "ab한cd".as_bytes()].concat(),
        [&[0, 4, 0][..], different, "ab한cd and more".as_bytes()].concat(),
        // The lengths are 2, 0, 3 and 2, so the empty message is inside of a character.
        [&[0, 4, 0][..], different, "a한한".as_bytes()].concat(),
        [&[0, 150, 0][..], equal, "abc".repeat(150).as_bytes()].concat(),
        vec![0, 0, 0, 0x80, 1, 4, 0, 0],
        index(1),
        index(3),
    ]
}
