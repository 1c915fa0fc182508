//! A split-block Bloom filter of the values of fields.
//!
//! The filter is a sequence of blocks of 32 bytes. A value has bits in one of them, so a reader that knows the number of
//! blocks needs 32 bytes of the filter to test a value. The design and its constants are those of Parquet
//! (<https://parquet.apache.org/docs/file-format/bloomfilter/>). With 10 bits a value, about one absent value in a
//! hundred seems present.

use twox_hash::XxHash64;

/// The size of a block.
pub const BLOCK_BYTES: usize = 32;
/// Bits of the filter for each value.
const BITS: usize = 10;
/// An odd factor for each of the eight words of a block.
const SALTS: [u32; 8] =
    [0x47b6_137b, 0x4497_4d91, 0x8824_ad5b, 0xa2b7_289d, 0x7054_95c7, 0x2df1_424b, 0x9efc_4947, 0x5c6b_fb31];

/// The seed of the hashes of a field's values.
pub fn seed_of(field: &str) -> u64 {
    XxHash64::oneshot(0, field.as_bytes())
}

/// The hash of a value; `seed` is that of its field.
pub fn hash_of(seed: u64, value: &str) -> u64 {
    XxHash64::oneshot(seed, value.as_bytes())
}

/// Builds the filter of these hashes, of which no two should be equal.
pub fn build(hashes: impl ExactSizeIterator<Item = u64>) -> Vec<u8> {
    let blocks = (hashes.len() * BITS).div_ceil(BLOCK_BYTES * 8).max(1);
    let mut filter = vec![0; blocks * BLOCK_BYTES];
    for hash in hashes {
        let start = place(hash, blocks) * BLOCK_BYTES;
        let block = filter.get_mut(start..start + BLOCK_BYTES).unwrap_or_default();
        for (word, bit) in block.as_chunks_mut::<4>().0.iter_mut().zip(bits_of(hash)) {
            *word = (u32::from_le_bytes(*word) | bit).to_le_bytes();
        }
    }
    filter
}

/// The block in which a value has its bits: `(hash >> 32) * blocks >> 32`.
pub fn place(hash: u64, blocks: usize) -> usize {
    (((hash >> 32) * blocks as u64) >> 32) as usize
}

/// Whether a value may be among those of a filter, by its block. `true` if the block has another size.
pub fn may_have(block: &[u8], hash: u64) -> bool {
    if block.len() != BLOCK_BYTES {
        return true;
    }
    block.as_chunks::<4>().0.iter().zip(bits_of(hash)).all(|(word, bit)| u32::from_le_bytes(*word) & bit != 0)
}

/// One bit in each word of the block.
fn bits_of(hash: u64) -> [u32; 8] {
    SALTS.map(|salt| 1 << ((hash as u32).wrapping_mul(salt) >> 27))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn may_be_in(filter: &[u8], hash: u64) -> bool {
        let start = place(hash, filter.len() / BLOCK_BYTES) * BLOCK_BYTES;
        may_have(&filter[start..start + BLOCK_BYTES], hash)
    }

    proptest! {
        #[test]
        fn a_value_that_is_there_is_never_ruled_out(values in prop::collection::btree_set(".{0,12}", 0..300)) {
            let seed = seed_of("user_id");
            let hashes: BTreeSet<u64> = values.iter().map(|value| hash_of(seed, value)).collect();
            let filter = build(hashes.iter().copied());
            prop_assert_eq!(filter.len() % BLOCK_BYTES, 0);
            prop_assert!(hashes.into_iter().all(|hash| may_be_in(&filter, hash)));
        }
    }

    #[test]
    fn few_absent_values_seem_present_also_those_of_another_field() {
        let (user, order) = (seed_of("user_id"), seed_of("order_id"));
        let values: Vec<String> = (0..20_000).map(|number| format!("u{number}")).collect();
        let filter = build(values.iter().map(|value| hash_of(user, value)));
        let wrong = values.iter().filter(|value| may_be_in(&filter, hash_of(order, value))).count();
        assert!(wrong < 600, "{wrong} of 20,000");
        assert!(may_have(&[], 7), "without its block nothing is ruled out");
    }
}
